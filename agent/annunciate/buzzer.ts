import type { Clock, Timer } from '../../core/clock/clock.js';
import type { BuzzerPattern } from '../../core/policy/local.js';

/** What this needs of a GPIO line. */
interface Output {
  write(on: boolean): void;
}

/** On and off times in ms, repeated. Critical: unmistakable. Warning: a chirp that does not wear people out. */
const PATTERNS: Record<Exclude<BuzzerPattern, 'off'>, readonly [on: number, off: number]> = {
  critical: [500, 500],
  warning: [100, 9900],
};

export class Buzzer {
  readonly #line: Output;
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  #pattern: BuzzerPattern = 'off';
  #timer: Timer | undefined;

  constructor(line: Output, clock: Clock, onError: (error: unknown) => void) {
    this.#line = line;
    this.#clock = clock;
    this.#onError = onError;
  }

  /** Sounds at once: the first write happens before this returns. */
  set(pattern: BuzzerPattern): void {
    if (pattern === this.#pattern) return;
    this.#pattern = pattern;
    this.#timer?.cancel();
    if (pattern === 'off') this.#write(false);
    else this.#cycle(PATTERNS[pattern], true);
  }

  #cycle(times: readonly [number, number], on: boolean): void {
    this.#write(on);
    this.#timer = this.#clock.after(times[on ? 0 : 1], () => this.#cycle(times, !on), true);
  }

  #write(on: boolean): void {
    try {
      this.#line.write(on);
    } catch (error) {
      this.#onError(error);
    }
  }

  stop(): void {
    this.set('off');
  }
}
