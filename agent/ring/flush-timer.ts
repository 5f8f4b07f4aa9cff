import type { Clock, Timer } from '../../core/clock/clock.js';

/** When the next commit is due: an earlier time replaces a later one. */
export class FlushTimer {
  readonly #clock: Clock;
  readonly #due: () => void;
  #timer: Timer | undefined;
  #at = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, due: () => void) {
    this.#clock = clock;
    this.#due = due;
  }

  within(ms: number): void {
    const at = this.#clock.mono() + ms;
    if (at >= this.#at) return;
    this.cancel();
    this.#at = at;
    this.#timer = this.#clock.after(ms, () => {
      this.#at = Number.POSITIVE_INFINITY;
      this.#due();
    });
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#at = Number.POSITIVE_INFINITY;
  }
}
