import type { Clock } from '../../core/clock/clock.js';

/** Sampling counts as alive when some attempt ended within this time. */
const ALIVE_MS = 120_000;

/** Whether sampling goes on: the watchdog is fed, and the status page says so, only while it does. */
export class Heartbeat {
  readonly #clock: Clock;
  #lastMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lastMs = clock.mono();
  }

  readonly beat = (): void => {
    this.#lastMs = this.#clock.mono();
  };

  get alive(): boolean {
    return this.#clock.mono() - this.#lastMs < ALIVE_MS;
  }
}
