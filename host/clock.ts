import { asMono, asWall, type Clock, type MonoMs, type Timer, type WallMs } from '../core/clock/clock.js';

const MAX_TIMER_MS = 2 ** 31 - 1;

export interface SystemClockOptions {
  /** Added to the process's monotonic clock to give CLOCK_BOOTTIME (the two differ by time spent asleep). */
  bootOffsetMs?: number;
  synchronised?: () => boolean;
}

/** The machine's clock. The only file that may call Date.now and setTimeout. */
export class SystemClock implements Clock {
  readonly #offset: number;
  readonly #synchronised: () => boolean;

  constructor(options: SystemClockOptions = {}) {
    this.#offset = options.bootOffsetMs ?? 0;
    this.#synchronised = options.synchronised ?? (() => true);
  }

  wall(): WallMs {
    return asWall(Date.now());
  }

  mono(): MonoMs {
    return asMono(performance.now() + this.#offset);
  }

  synchronised(): boolean {
    return this.#synchronised();
  }

  after(ms: number, fn: () => void, background = false): Timer {
    const timer = setTimeout(fn, Math.min(Math.max(0, ms), MAX_TIMER_MS));
    if (background) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  }
}
