import { type Clock, every, type Timer } from '../../core/clock/clock.js';
import { type Channel, ChannelMap, channelKey } from '../../core/reading.js';
import type { Ring } from '../ring/port.js';

/** Written this often: what came since is read from the ring again. */
const SAVE_MS = 300_000;
const REPLAY_ROWS = 2000;
/** A ring that has never kept these times is not read from its beginning: so many rows tell enough. */
const REPLAY_MAX = 50_000;
const STATE = 'device_times';

interface Stored {
  /** The last reading that is counted in. */
  through: number;
  /** By channel, ms. */
  newest: Record<string, number>;
}

type Store = Pick<Ring, 'loadState' | 'saveState' | 'replay' | 'head'>;

/**
 * The newest time that each device has given, also across restarts: what a broker keeps (a retained message) comes
 * again at each of our starts, and is a reading once.
 */
export class DeviceTimes {
  readonly #ring: Store;
  readonly #newest = new ChannelMap<number>();
  readonly #stored: Record<string, number>;
  #through: number;
  #changed = false;

  constructor(ring: Store) {
    this.#ring = ring;
    const { through = 0, newest = {} } = (ring.loadState(STATE) ?? {}) as Partial<Stored>;
    this.#through = through;
    this.#stored = { ...newest };
  }

  /** Reads on from where the stored times end. */
  async catchUp(): Promise<void> {
    let from = Math.max(this.#through, this.#ring.head('readings') - REPLAY_MAX);
    for (;;) {
      const rows = await this.#ring.replay(from, REPLAY_ROWS);
      for (const { reading } of rows) {
        if (reading.deviceMs !== undefined) this.take(reading, reading.deviceMs);
      }
      if (rows.length < REPLAY_ROWS) break;
      from = rows.at(-1)!.seq;
    }
  }

  newest(channel: Channel): number {
    const stored = () => this.#stored[channelKey(channel)] ?? Number.NEGATIVE_INFINITY;
    return this.#newest.get(channel) ?? stored();
  }

  take(channel: Channel, ms: number): void {
    if (ms <= this.newest(channel)) return;
    this.#newest.set(channel, ms);
    this.#stored[channelKey(channel)] = ms;
    this.#changed = true;
  }

  /** Keeps on saving. */
  watch(clock: Clock): Timer {
    return every(clock, SAVE_MS, () => this.save());
  }

  save(): void {
    if (!this.#changed) return;
    this.#changed = false;
    this.#through = this.#ring.head('readings');
    this.#ring.saveState(STATE, { through: this.#through, newest: this.#stored } satisfies Stored);
  }
}
