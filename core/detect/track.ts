import type { Milli } from '../units.js';
import { medianOfThree } from './plausible.js';

/*
 * What is known of one temperature: the last hours point by point, and what is usual for this place, learned while
 * nothing is wrong. Values in thousandths of a degree, times in ms.
 */
const MINUTE = 60_000;
const HOUR = 3_600_000;
const WINDOW_MS = 3 * HOUR;
const POINTS_MAX = 400;
/** A week of hours is what "usual" means; less than a day is too little to say. */
const HOURS_MAX = 168;
const HOURS_MIN = 20;
const TURNS_MAX = 60;
const DRIFT_HOURS = 12;

interface Point {
  atMs: number;
  milli: Milli;
  raw: Milli;
}

/** One calm hour: its extremes, and the share of the time that the temperature fell (the compressor ran). */
export interface Hour {
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
  /** As steep as it rises by itself. */
  riseRate: number;
  /** The least that an hour has moved. */
  range: Milli;
}

export class Track {
  profile: Profile;
  points: Point[] = [];
  usual: Usual | undefined;
  #turn: { up: boolean; atMs: number; milli: Milli; sinceMs: number; from: Milli } | undefined;
  #disturbedAtMs = Number.NEGATIVE_INFINITY;
  #sameSinceMs = 0;
  #hour = { hour: -1, min: 0, max: 0, falling: 0, n: 0, calm: true };

  constructor(profile: Profile = PROFILE_START) {
    this.profile = structuredClone(profile);
    this.#learnUsual();
  }

  /** `calm`: nothing is alarming, so this may be learned from. */
  push(atMs: number, raw: Milli, calm: boolean): void {
    const last = this.points.at(-1);
    if (last && atMs <= last.atMs) return;
    if (last && atMs - last.atMs > 2 * HOUR) this.#restart();
    const before = this.points.slice(-2);
    const milli = before.length === 2 ? medianOfThree(before[0]!.raw, before[1]!.raw, raw) : raw;
    if (!last || raw !== last.raw) this.#changed(atMs, last, raw, calm);
    this.points.push({ atMs, milli, raw });
    while (this.points.length > POINTS_MAX || atMs - this.points[0]!.atMs > WINDOW_MS) this.points.shift();
    this.#follow(atMs, milli, calm);
    if (this.usual && (this.slope(6 * MINUTE) ?? 0) > Math.max(1.6 * this.usual.riseRate, 20))
      this.#disturbedAtMs = atMs;
    this.#count(atMs, milli, calm);
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
    const points = this.window(ms);
    if (!points) return undefined;
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
      const durations = turn.up ? this.profile.rises : this.profile.falls;
      if (calm) durations.push(turn.atMs - turn.sinceMs);
      if (calm && turn.up) {
        const { steeps } = this.profile;
        steeps.push((turn.milli - turn.from) / Math.max(1, (turn.atMs - turn.sinceMs) / MINUTE));
        if (steeps.length > TURNS_MAX) steeps.shift();
      }
      if (durations.length > TURNS_MAX) durations.shift();
      this.#turn = { up: !turn.up, atMs, milli, sinceMs: turn.atMs, from: turn.milli };
    }
  }

  #count(atMs: number, milli: Milli, calm: boolean): void {
    const hour = Math.floor(atMs / HOUR);
    if (hour !== this.#hour.hour) {
      const { n, calm: wasCalm, min, max, falling } = this.#hour;
      const done = { hour: this.#hour.hour, min, max, duty: falling / Math.max(1, n) };
      if (n >= 3) {
        this.profile.recent.push(done);
        if (this.profile.recent.length > DRIFT_HOURS) this.profile.recent.shift();
      }
      if (n >= 3 && wasCalm) {
        this.profile.hours.push(done);
        if (this.profile.hours.length > HOURS_MAX) this.profile.hours.shift();
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
    const { hours, rises, falls } = this.profile;
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
      riseRate: this.profile.steeps.length > 5 ? quantile(this.profile.steeps, 0.9) : 60,
      range: quantile(
        hours.map((h) => h.max - h.min),
        0.1,
      ),
    };
  }
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}

const median = (values: readonly number[]) => quantile(values, 0.5);
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
