import type { Clock, Timer } from '../../core/clock/clock.js';

/**
 * A card may stand still for a second or two while it tidies up. A commit that takes longer counts as refused: brokers
 * stop after some twenty unconfirmed messages, and an alarm must not wait behind them.
 */
const COMMIT_HANG_MS = 3000;
/** A commit that still has not ended by then is a failing card, and somebody is told. */
const HANG_TOLD_MS = 30_000;
/** One failed commit may be a hiccup; after so many in a row it is a failing card. */
const FAILURES_TOLD = 3;
const RETRY_MS = 1000;
/** Rows that wait are tried again all together: the more there are, the more seldom, so that trying stays cheap. */
const RETRY_SHARE = 20;
const RETRY_MAX_MS = 30_000;

export interface CardEvents {
  /** The card takes no commits from here on, until one succeeds. */
  onRefusing: () => void;
  /** Somebody should hear of it: commits keep failing, and then one succeeds again. */
  onHealth: (failure: string | null) => void;
}

/** Whether the card takes what is committed. It refuses from the first commit that fails or hangs to the next good one. */
export class CardHealth {
  readonly #clock: Clock;
  readonly #events: CardEvents;
  #failures = 0;
  #told = false;
  #startedMs = 0;
  #watch: Timer | undefined;
  #retryAtMs = 0;
  failure: string | null = null;
  /** A commit is under way and does not end: whoever asks the worker now waits behind it. */
  hanging = false;

  constructor(clock: Clock, events: CardEvents) {
    this.#clock = clock;
    this.#events = events;
  }

  get refusing(): boolean {
    return this.failure !== null;
  }

  /** How long the next attempt has to wait. */
  get retryInMs(): number {
    return this.refusing ? Math.max(0, this.#retryAtMs - this.#clock.mono()) : 0;
  }

  began(): void {
    this.#startedMs = this.#clock.mono();
    this.#watch = this.#clock.after(COMMIT_HANG_MS, () => {
      this.hanging = true;
      this.#refuse(`a commit has not ended in ${COMMIT_HANG_MS / 1000} s`);
      this.#watch = this.#clock.after(HANG_TOLD_MS - COMMIT_HANG_MS, () => this.#tell(), true);
    });
  }

  /** Returns how long the commit took. */
  succeeded(): number {
    this.#ended();
    this.#failures = 0;
    this.failure = null;
    if (this.#told) this.#events.onHealth(null);
    this.#told = false;
    return this.#clock.mono() - this.#startedMs;
  }

  failed(failure: string): void {
    this.#ended();
    const now = this.#clock.mono();
    const wait = Math.max(RETRY_MS, (now - this.#startedMs) * RETRY_SHARE);
    this.#retryAtMs = now + Math.min(RETRY_MAX_MS, wait);
    this.#refuse(failure);
    if (++this.#failures >= FAILURES_TOLD) this.#tell();
  }

  #refuse(failure: string): void {
    const first = !this.refusing;
    this.failure = failure;
    if (first) this.#events.onRefusing();
  }

  #tell(): void {
    if (this.#told || this.failure === null) return;
    this.#told = true;
    this.#events.onHealth(this.failure);
  }

  #ended(): void {
    this.#watch?.cancel();
    this.hanging = false;
  }
}
