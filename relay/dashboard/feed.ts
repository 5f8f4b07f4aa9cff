import { type Clock, every, type Timer } from '../../core/clock/clock.js';
import type { Log } from '../log/port.js';
import { type LiveView, SHOWN } from './live.js';

/** The page starts with this much history. */
const HISTORY_MS = 86_400_000;
/** Without anyone looking for so long, reading the log stops; the next look starts it again from history. */
const IDLE_MS = 600_000;
const LOOK_MS = 60_000;

/** Feeds the live view from the log while someone looks: a relay that nobody watches reads nothing back. */
export class LiveFeed {
  readonly #log: Log;
  readonly #live: LiveView;
  readonly #clock: Clock;
  readonly #timer: Timer;
  #tail: Promise<{ stop(): Promise<void> }> | undefined;
  #lookedAt = 0;

  constructor(log: Log, live: LiveView, clock: Clock) {
    this.#log = log;
    this.#live = live;
    this.#clock = clock;
    this.#timer = every(clock, LOOK_MS, () => void this.#stopWhenIdle());
  }

  /** Someone looks at the page, or asks for its data. Rejects when the log cannot be read. */
  async watch(): Promise<void> {
    this.#lookedAt = this.#clock.mono();
    this.#tail ??= this.#start();
    await this.#tail;
  }

  async #start() {
    this.#live.clear();
    try {
      return await this.#log.tail(SHOWN, this.#clock.wall() - HISTORY_MS, (records) =>
        this.#live.take(records),
      );
    } catch (error) {
      this.#tail = undefined;
      throw error;
    }
  }

  async #stopWhenIdle(): Promise<void> {
    if (this.#live.watched || this.#clock.mono() - this.#lookedAt < IDLE_MS) return;
    const tail = this.#tail;
    this.#tail = undefined;
    await (await tail)?.stop();
  }

  async stop(): Promise<void> {
    this.#timer.cancel();
    await (await this.#tail?.catch(() => undefined))?.stop();
  }
}
