import { HOUR, MINUTE } from '../durations.js';
import type { Milli } from '../units.js';
import { medianOfThree } from './plausible.js';

/*
 * What is known of one temperature: the last hours point by point, and what is usual for this place, learned while
 * nothing is wrong. Values in thousandths of a degree, times in ms.
 */
const WINDOW_MS = 3 * HOUR;
const POINTS_MAX = 400;
/** A week of hours is what "usual" means; less than a day is too little to say. */
const HOURS_MAX = 168;
const HOURS_MIN = 20;
const TURNS_MAX = 60;
const DRIFT_HOURS = 12;
/** What came in at once through a door goes out again within this. */
export const SETTLED_MS = 75 * MINUTE;

interface Point {
  atMs: number;
  milli: Milli;
  raw: Milli;
}

/** One calm hour: its extremes, and the share of the time that the temperature fell (the compressor ran). */
interface Hour {
  hour: number;
  min: Milli;
  max: Milli;
  duty: number;
}

/** The learned part: plain JSON, bounded, survives restarts. */
export interface Profile {
  hours: Hour[];
  /** The last hours, calm or not. */
  recent: Hour[];
  rises: number[];
  falls: number[];
  /** How steep the rises were, thousandths a minute. */
  steeps: number[];
  /** Where undisturbed rises ended and falls ended: the compressor's own switching points. */
  peaks: Milli[];
  troughs: Milli[];
  /** For how long it went on rising past its usual peak, and then came back by itself: doors, defrosts. */
  bumps: number[];
  /** The longest time that the very same value came while all was well. */
  longestSameMs: number;
  /** Mean change from one value to the next. */
  jitter: number;
}

export const PROFILE_START: Profile = {
  hours: [],
  recent: [],
  rises: [],
  falls: [],
  steeps: [],
  peaks: [],
  troughs: [],
  bumps: [],
  longestSameMs: 0,
  jitter: 0,
};

/** What is usual here; undefined until a day has been learned. */
export interface Usual {
  low: Milli;
  high: Milli;
  /** A rise or fall that lasts longer than this is no compressor cycle. */
  riseMs: number;
  fallMs: number;
  /** As it mostly rises while the compressor rests, thousandths a minute. */
  restRate: number;
  /** It turns round by itself at the latest here. */
  peak: Milli;
  trough: Milli;
  /** Longer than it has risen past its peak and come back. */
  bumpMs: number;
  /** The least that an hour has moved. */
  range: Milli;
}

/** The run that the temperature is on: since when and where from, and its furthest point so far. */
interface Turn {
  up: boolean;
  atMs: number;
  milli: Milli;
  sinceMs: number;
  from: Milli;
}

/**
 * The last hours of one temperature, in thousandths of a °C over ms of its timeline, and what is usual for
 * its place. Bounded.
 */
export class Track {
  profile: Profile;
  points: Point[] = [];
  usual: Usual | undefined;
  #turn: Turn | undefined;
  #disturbedAtMs = Number.NEGATIVE_INFINITY;
  #sameSinceMs = 0;
  /** Of the last point: several rules ask for the same. */
  readonly #slopes = new Map<number, number | undefined>();
  #bump: { sinceMs: number; topMs: number; top: Milli } | undefined;
  #hour = { hour: -1, min: 0, max: 0, falling: 0, n: 0, calm: true };

  constructor(profile: Profile = PROFILE_START) {
    this.profile = structuredClone({ ...PROFILE_START, ...profile });
    this.#learnUsual();
  }

  /** `calm`: nothing is alarming, so this may be learned from. `smooth`: the middle of three readings counts. */
  push(atMs: number, raw: Milli, calm: boolean, smooth = true): void {
    const last = this.points.at(-1);
    if (last && atMs <= last.atMs) return;
    if (last && atMs - last.atMs > 2 * HOUR) this.#restart();
    const before = this.points.slice(-2);
    const milli = smooth && before.length === 2 ? medianOfThree(before[0]!.raw, before[1]!.raw, raw) : raw;
    if (!last || raw !== last.raw) this.#changed(atMs, last, raw, calm);
    this.#slopes.clear();
    this.points.push({ atMs, milli, raw });
    while (this.points.length > POINTS_MAX || atMs - this.points[0]!.atMs > WINDOW_MS) this.points.shift();
    this.#follow(atMs, milli, calm);
    if (this.usual && (this.slope(6 * MINUTE) ?? 0) > Math.max(1.8 * this.usual.restRate, 20))
      this.#disturbedAtMs = atMs;
    this.#bumped(atMs, milli, calm);
    this.#count(atMs, milli, calm);
  }

  #bumped(atMs: number, milli: Milli, calm: boolean): void {
    if (!this.usual) return;
    if (milli <= this.usual.peak) {
      if (this.#bump && calm && this.#bump.topMs - this.#bump.sinceMs > 8 * MINUTE) {
        keepLast(this.profile.bumps, this.#bump.topMs - this.#bump.sinceMs, TURNS_MAX);
      }
      this.#bump = undefined;
    } else if (!this.#bump) this.#bump = { sinceMs: atMs, topMs: atMs, top: milli };
    else if (milli > this.#bump.top) Object.assign(this.#bump, { topMs: atMs, top: milli });
  }

  get last(): Point | undefined {
    return this.points.at(-1);
  }

  /** For how long the very same value has come. */
  get sameMs(): number {
    return this.last ? this.last.atMs - this.#sameSinceMs : 0;
  }

  /** For how long it has risen (or fallen) without turning round by more than a cycle's noise. */
  get risingMs(): number {
    return this.#turn?.up && this.last ? this.last.atMs - this.#turn.sinceMs : 0;
  }

  /** For how long nothing has warmed it faster than it warms by itself: an open door, warm goods, a defrost heater. */
  get undisturbedMs(): number {
    return this.last ? this.last.atMs - this.#disturbedAtMs : 0;
  }

  disturbedSince(atMs: number): boolean {
    return this.#disturbedAtMs >= atMs;
  }

  get fallingMs(): number {
    return this.#turn && !this.#turn.up && this.last ? this.last.atMs - this.#turn.sinceMs : 0;
  }

  /** The points of the last `ms`, or undefined when they do not span it. */
  window(ms: number): Point[] | undefined {
    const end = this.last?.atMs;
    if (end === undefined || end - this.points[0]!.atMs < ms * 0.9) return undefined;
    let from = this.points.length;
    while (from > 0 && this.points[from - 1]!.atMs >= end - ms) from -= 1;
    return this.points.length - from >= 3 ? this.points.slice(from) : undefined;
  }

  /** Thousandths a minute over the last `ms`, by least squares. */
  slope(ms: number): number | undefined {
    const known = this.#slopes.get(ms);
    if (known !== undefined || this.#slopes.has(ms)) return known;
    const slope = this.slopeBetween(ms, 0);
    this.#slopes.set(ms, slope);
    return slope;
  }

  /** The same from `fromMs` to `toMs` ago. */
  slopeBetween(fromMs: number, toMs: number): number | undefined {
    const end = (this.last?.atMs ?? 0) - toMs;
    const points = toMs === 0 ? this.window(fromMs) : this.window(fromMs)?.filter((p) => p.atMs <= end);
    if (!points || points.length < 3) return undefined;
    const t0 = points[0]!.atMs;
    let [st, sv, stt, stv] = [0, 0, 0, 0];
    for (const { atMs, milli } of points) {
      const t = (atMs - t0) / MINUTE;
      st += t;
      sv += milli;
      stt += t * t;
      stv += t * milli;
    }
    const n = points.length;
    return (n * stv - st * sv) / (n * stt - st * st);
  }

  /** The usual change from one raw value to the next in the last `ms`: single spikes do not count. */
  jitter(ms: number): number | undefined {
    const points = this.window(ms);
    if (!points) return undefined;
    return median(points.slice(1).map(({ raw }, i) => Math.abs(raw - points[i]!.raw)));
  }

  /**
   * How much more of the time the compressor has run of late than in the same hours of earlier days, as a share of all
   * time, and by how much such differences usually scatter. Undefined before three days are known.
   */
  drift: { share: number; scatter: number } | undefined;

  #restart(): void {
    this.points = [];
    this.#turn = undefined;
  }

  #changed(atMs: number, last: Point | undefined, raw: Milli, calm: boolean): void {
    if (last && calm) {
      this.profile.longestSameMs = Math.max(this.profile.longestSameMs, last.atMs - this.#sameSinceMs);
      this.profile.jitter += (Math.min(Math.abs(raw - last.raw), 1000) - this.profile.jitter) * 0.002;
    }
    this.#sameSinceMs = atMs;
  }

  /** Turning points: a change of direction counts once it is larger than noise. */
  #follow(atMs: number, milli: Milli, calm: boolean): void {
    const threshold = Math.min(600, Math.max(200, (this.usual?.range ?? 800) * 0.3));
    const turn = this.#turn;
    if (!turn) {
      this.#turn = { up: true, atMs, milli, sinceMs: atMs, from: milli };
    } else if (turn.up ? milli >= turn.milli : milli <= turn.milli) {
      turn.atMs = atMs;
      turn.milli = milli;
    } else if (Math.abs(milli - turn.milli) > threshold) {
      if (calm) this.#learnTurn(turn);
      this.#turn = { up: !turn.up, atMs, milli, sinceMs: turn.atMs, from: turn.milli };
    }
  }

  #learnTurn({ up, atMs, milli, sinceMs, from }: Turn): void {
    const { rises, falls, peaks, troughs, steeps } = this.profile;
    keepLast(up ? rises : falls, atMs - sinceMs, TURNS_MAX);
    if (this.undisturbedMs > SETTLED_MS) keepLast(up ? peaks : troughs, milli, TURNS_MAX);
    if (up) keepLast(steeps, (milli - from) / Math.max(1, (atMs - sinceMs) / MINUTE), TURNS_MAX);
  }

  #count(atMs: number, milli: Milli, calm: boolean): void {
    const hour = Math.floor(atMs / HOUR);
    if (hour !== this.#hour.hour) {
      const { n, calm: wasCalm, min, max, falling } = this.#hour;
      const done = { hour: this.#hour.hour, min, max, duty: falling / Math.max(1, n) };
      if (n >= 3) {
        keepLast(this.profile.recent, done, DRIFT_HOURS);
      }
      if (n >= 3 && wasCalm) {
        keepLast(this.profile.hours, done, HOURS_MAX);
        this.#learnUsual();
      }
      this.#learnDrift();
      this.#hour = { hour, min: milli, max: milli, falling: 0, n: 0, calm };
    }
    const now = this.#hour;
    now.min = Math.min(now.min, milli);
    now.max = Math.max(now.max, milli);
    now.falling += this.#turn?.up ? 0 : 1;
    now.n += 1;
    now.calm &&= calm;
  }

  #learnDrift(): void {
    const all = this.profile.hours;
    this.drift = undefined;
    const { recent } = this.profile;
    const half = DRIFT_HOURS / 2;
    if (all.length < 72 + DRIFT_HOURS || recent.length < DRIFT_HOURS) return;
    const byHour = new Map<number, number[]>();
    const before = all.slice(0, -24);
    for (const { hour, duty } of before) byHour.set(hour % 24, [...(byHour.get(hour % 24) ?? []), duty]);
    const usual = new Map([...byHour].map(([hour, duties]) => [hour, median(duties)]));
    const beyond = ({ hour, duty }: Hour) => duty - (usual.get(hour % 24) ?? duty);
    this.drift = {
      // Both halves of the time: one warm afternoon is no drift.
      share: Math.min(...[recent.slice(0, half), recent.slice(half)].map((part) => mean(part.map(beyond)))),
      scatter: median(before.map((hour) => Math.abs(beyond(hour)))),
    };
  }

  #learnUsual(): void {
    const { hours, rises, falls, steeps, peaks, troughs, bumps } = this.profile;
    if (hours.length < HOURS_MIN) return;
    this.usual = {
      low: quantile(
        hours.map((h) => h.min),
        0.1,
      ),
      high: quantile(
        hours.map((h) => h.max),
        0.9,
      ),
      riseMs: rises.length > 5 ? quantile(rises, 0.95) : 2 * HOUR,
      fallMs: falls.length > 5 ? quantile(falls, 0.95) : 2 * HOUR,
      restRate: steeps.length > 5 ? median(steeps) : 40,
      peak: peaks.length > 5 ? quantile(peaks, 0.9) : Number.POSITIVE_INFINITY,
      bumpMs: quantile(bumps, 0.99),
      trough: troughs.length > 5 ? quantile(troughs, 0.1) : Number.NEGATIVE_INFINITY,
      range: quantile(
        hours.map((h) => h.max - h.min),
        0.1,
      ),
    };
  }
}

function keepLast<T>(list: T[], item: T, max: number): void {
  list.push(item);
  if (list.length > max) list.shift();
}

export function quantile(values: readonly number[], q: number): number {
  // Typed arrays sort by number, and several times faster.
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}

const median = (values: readonly number[]) => quantile(values, 0.5);
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
