import { asMono, asWall, type Clock, type MonoMs, type Timer, type WallMs } from './clock.js';

interface Pending {
  at: number;
  order: number;
  fn: () => void;
}

/** A clock that moves only when told: a year passes in a second, and the same run twice is the same run. */
export class SimulatedClock implements Clock {
  #mono: number;
  #wallOffset: number;
  #synchronised = true;
  #order = 0;
  readonly #pending = new Set<Pending>();

  constructor(wallMs = Date.UTC(2026, 0, 1), monoMs = 0) {
    this.#mono = monoMs;
    this.#wallOffset = wallMs - monoMs;
  }

  wall(): WallMs {
    return asWall(this.#mono + this.#wallOffset);
  }

  mono(): MonoMs {
    return asMono(this.#mono);
  }

  synchronised(): boolean {
    return this.#synchronised;
  }

  /** Steps the wall clock without time passing, as NTP does. */
  setWall(wallMs: number, synchronised = true): void {
    this.#wallOffset = wallMs - this.#mono;
    this.#synchronised = synchronised;
  }

  after(ms: number, fn: () => void): Timer {
    const entry = { at: this.#mono + Math.max(0, ms), order: this.#order++, fn };
    this.#pending.add(entry);
    return { cancel: () => void this.#pending.delete(entry) };
  }

  /** Moves time on by `ms`, running what falls due in order and letting promises settle in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#mono + ms;
    await settle();
    for (;;) {
      const next = [...this.#pending].sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (!next || next.at > end) break;
      this.#pending.delete(next);
      this.#mono = Math.max(this.#mono, next.at);
      next.fn();
      await settle();
    }
    this.#mono = end;
  }
}

/** Lets chains of already resolved promises run to their end. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
