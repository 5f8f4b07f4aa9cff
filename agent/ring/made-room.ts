import type { Clock } from '../../core/clock/clock.js';

/** A gateway that is offline for weeks makes room all day: it is said once a day. */
const SAY_EVERY_MS = 86_400_000;

/** Counts the rows that no relay held when they had to make room for newer ones. */
export class MadeRoom {
  readonly #clock: Clock;
  readonly #onFull: (() => void) | undefined;
  #saidMs = Number.NEGATIVE_INFINITY;
  thinned = 0;
  overwritten = 0;

  constructor(clock: Clock, onFull: (() => void) | undefined) {
    this.#clock = clock;
    this.#onFull = onFull;
  }

  add({ thinned, overwritten }: { thinned: number; overwritten: number }): void {
    if (thinned + overwritten === 0) return;
    this.thinned += thinned;
    this.overwritten += overwritten;
    const now = this.#clock.mono();
    if (now - this.#saidMs < SAY_EVERY_MS) return;
    this.#saidMs = now;
    this.#onFull?.();
  }
}
