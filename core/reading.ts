import { asMono, asTimeline, asWall, type MonoMs, type TimelineMs, type WallMs } from './clock/clock.js';
import type { Quality, Reason } from './quality.js';
import type { Milli, Quantity } from './units.js';

/** What one place measures: a sensor's temperature, a sensor's humidity, a door's contact. */
export interface Channel {
  sensor: string;
  quantity: Quantity;
}

/**
 * One reading inside the agent. Its times:
 * `atMs` is its moment on the sensor's own timeline that rules run on (never back, also across boots);
 * `monoMs` and `wallMs` are when it reached us; `deviceMs` is set when the device said when it measured.
 */
export interface Reading extends Channel {
  milli: Milli;
  quality: Quality;
  reason?: Reason;
  atMs: TimelineMs;
  monoMs: MonoMs;
  wallMs: WallMs;
  deviceMs?: WallMs;
}

/** The times of a reading of which one is all that is known: of history, and in tests. */
export const timesAt = (ms: number): Pick<Reading, 'atMs' | 'monoMs' | 'wallMs'> => ({
  atMs: asTimeline(ms),
  monoMs: asMono(ms),
  wallMs: asWall(ms),
});

export function channelKey(channel: Channel): string {
  return `${channel.sensor}/${channel.quantity}`;
}

/** A map by channel. Two steps, because putting a key together for each reading costs more than the reading. */
export class ChannelMap<T> {
  readonly #bySensor = new Map<string, Map<Quantity, T>>();

  get({ sensor, quantity }: Channel): T | undefined {
    return this.#bySensor.get(sensor)?.get(quantity);
  }

  set({ sensor, quantity }: Channel, value: T): void {
    let quantities = this.#bySensor.get(sensor);
    if (!quantities) {
      quantities = new Map();
      this.#bySensor.set(sensor, quantities);
    }
    quantities.set(quantity, value);
  }
}
