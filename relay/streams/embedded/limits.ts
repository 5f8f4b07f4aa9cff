import { touch } from '../../../core/bounded.js';
import type { SensorMessage } from '../../../core/contract/sensors.js';
import type { Quantity } from '../../../core/units.js';
import { UNANNOUNCED, UNANNOUNCED_EVERY_MS } from '../meaning.js';

/** Sensors whose limits are known; the one announced longest ago goes first. */
const CHANNELS_MAX = 200_000;

/** Between which values a channel should be, and how often it is measured. */
export interface Judge {
  low: number | null;
  high: number | null;
  everyMs: number;
}

interface Known {
  now: Judge;
  /** From when on they are in force, and what was before. */
  fromMs: number;
  before: Judge | undefined;
}

export interface ChannelId {
  clinic: string;
  sensor: string;
  quantity: Quantity;
}

export const channelName = ({ clinic, sensor, quantity }: ChannelId) => `${clinic}/${sensor}/${quantity}`;

/** The limits that gateways announced, each channel's last and those before them. */
export class Limits {
  readonly #known = new Map<string, Known>();

  /** Which channels' limits changed. One that was taken back keeps them: what it measured was measured. */
  take({ clinic, sensor, every_ms: everyMs, announced_at: fromMs, channels }: SensorMessage): ChannelId[] {
    return channels.flatMap(({ quantity, low, high }) => {
      const channel = { clinic, sensor, quantity };
      const name = channelName(channel);
      const known = this.#known.get(name);
      const now = { low, high, everyMs };
      if (known && same(known.now, now)) return [];
      this.#known.delete(name);
      touch(this.#known, name, CHANNELS_MAX, () => ({ now, fromMs, before: known?.now }));
      return [channel];
    });
  }

  /** What judges a window: the limits in force at its end; before the first ones, these. */
  of(channel: ChannelId, endMs: number): Judge {
    const known = this.#known.get(channelName(channel));
    if (!known) return unannounced(channel.quantity);
    return known.before !== undefined && endMs <= known.fromMs ? known.before : known.now;
  }
}

const unannounced = (quantity: Quantity): Judge => ({
  low: UNANNOUNCED[quantity]?.low ?? null,
  high: UNANNOUNCED[quantity]?.high ?? null,
  everyMs: UNANNOUNCED_EVERY_MS,
});

export const same = (a: Judge, b: Judge) => a.low === b.low && a.high === b.high && a.everyMs === b.everyMs;

export const isOutside = ({ low, high }: Judge, value: number) =>
  (high !== null && value > high) || (low !== null && value < low);
