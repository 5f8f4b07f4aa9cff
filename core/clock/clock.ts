declare const wall: unique symbol;
declare const mono: unique symbol;
declare const timeline: unique symbol;

/** Milliseconds since 1970-01-01 UTC. Can step, and is wrong until the clock is set: for people and records only. */
export type WallMs = number & { readonly [wall]: true };
/** Milliseconds since boot (CLOCK_BOOTTIME). Never steps: every duration is measured with it. */
export type MonoMs = number & { readonly [mono]: true };
/** Milliseconds on the sensors' own timeline, which rules run on: goes on across boots, and never back. */
export type TimelineMs = number & { readonly [timeline]: true };

/** For whatever is a source of time, and for nobody else: from there on, one is never taken for another. */
export const asWall = (ms: number): WallMs => ms as WallMs;
export const asMono = (ms: number): MonoMs => ms as MonoMs;
export const asTimeline = (ms: number): TimelineMs => ms as TimelineMs;

/** Something that will happen, unless it is cancelled before. */
export interface Timer {
  cancel(): void;
}

/** The one door for time. Nothing else in core, agent or relay reads a clock or sets a timer. */
export interface Clock {
  wall(): WallMs;
  mono(): MonoMs;
  /** True once something trustworthy (NTP, a battery clock) has set the wall clock in this boot. */
  synchronised(): boolean;
  /** Runs `fn` once, `ms` from now. A `background` timer does not keep the process alive. */
  after(ms: number, fn: () => void, background?: boolean): Timer;
}

/** Runs `fn` every `ms` on a fixed grid, so that late runs do not make the cadence drift. */
export function every(clock: Clock, ms: number, fn: () => void): Timer {
  let next = clock.mono() + ms;
  let timer: Timer;
  const run = () => {
    const now = clock.mono();
    next += ms;
    if (next <= now) next = now + ms - ((now - next) % ms);
    timer = clock.after(next - now, run, true);
    fn();
  };
  timer = clock.after(ms, run, true);
  return { cancel: () => timer.cancel() };
}

/** Resolves after `ms`, or at once when `signal` is aborted. Never rejects. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(ms, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Gives `work` a signal that is aborted after `ms`: it ends then, with an error that says so. */
export async function abortAfter<T>(
  clock: Clock,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const timer = clock.after(ms, () => late.abort(new Error(`no answer within ${ms / 1000} s`)));
  try {
    return await work(late.signal);
  } finally {
    timer.cancel();
  }
}

/** Rejects with `onLate()` when `work` has not settled within `ms`. The work itself goes on: cancel it elsewhere. */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  work: Promise<T>,
  onLate: () => Error,
): Promise<T> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = clock.after(ms, () => reject(onLate()));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    timer?.cancel();
  }
}
