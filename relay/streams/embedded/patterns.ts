import { touch } from '../../../core/bounded.js';
import type { Finding } from '../../../core/contract/streams.js';
import { zScore } from '../../../core/detect/measure/statistics.js';
import {
  CALM_MS,
  DEVIATION_MIN,
  RISE_MIN,
  RISING_MS,
  SPIKE,
  SPIKE_MS,
  Z_BOUND,
  Z_DEADBAND,
  Z_SAMPLES_MIN,
  Z_WINDOW_MS,
} from '../meaning.js';
import type { LiveRow } from './live.js';
import { roundTo } from './sums.js';

/** A sensor's values in half an hour: one in five seconds at most. */
const BEFORE_MAX = 400;
/** Readings on end, each above the one before: what rises for longer begins anew. */
const RUN_MAX = 400;
/** Sensors followed at once; the one silent for longest is forgotten first. */
const SENSORS_MAX = 50_000;

interface Followed {
  /** The last half hour. */
  before: LiveRow[];
  /** Each above the one before. */
  rising: LiveRow[];
  lastTwo: LiveRow[];
  /** Event time of the last score and the last rise beyond bounds, told or not. */
  scoredAt: number;
  roseAt: number;
}

/** Scores and patterns over rows in the order of event time: the same as MATCH_RECOGNIZE and OVER in the Flink job. */
export class Patterns {
  readonly #sensors = new Map<string, Followed>();

  take(row: LiveRow): Finding[] {
    const followed = touch(
      this.#sensors,
      `${row.clinic}/${row.sensor}`,
      SENSORS_MAX,
      (): Followed => ({
        before: [],
        rising: [],
        lastTwo: [],
        scoredAt: Number.NEGATIVE_INFINITY,
        roseAt: Number.NEGATIVE_INFINITY,
      }),
    );
    return [zscore(followed, row), rising(followed, row), spikeThenDrop(followed, row)].filter(
      (f) => f !== undefined,
    );
  }
}

const finding = (
  kind: Finding['kind'],
  { clinic, sensor, at }: LiveRow,
  value: number,
  threshold: number,
): Finding => ({ kind, clinic, subject: sensor, at, value: roundTo(value, 4), threshold });

/** Against the half hour before, the row itself left out. */
function zscore(followed: Followed, row: LiveRow): Finding | undefined {
  const before = followed.before.filter(({ t }) => t >= row.t - Z_WINDOW_MS).slice(-BEFORE_MAX);
  followed.before = [...before, row];
  if (before.length < Z_SAMPLES_MIN) return undefined;
  const values = before.map(({ value }) => value);
  const { z, away } = zScore(values, row.value, DEVIATION_MIN)!;
  if (Math.abs(z) <= Z_BOUND || Math.abs(away) < Z_DEADBAND) return undefined;
  const first = row.t - followed.scoredAt > CALM_MS;
  followed.scoredAt = row.t;
  return first ? finding('zscore', row, z, Z_BOUND) : undefined;
}

/** Each reading above the one before, for three minutes and two degrees; the next match begins after it. */
function rising(followed: Followed, row: LiveRow): Finding | undefined {
  const run = followed.rising;
  const last = run.at(-1);
  if (!last || row.value <= last.value || run.length >= RUN_MAX) {
    followed.rising = [row];
    return undefined;
  }
  run.push(row);
  const [begin] = run as [LiveRow, ...LiveRow[]];
  const rise = roundTo(row.value - begin.value, 4);
  if (run.length < 3 || row.at < begin.at + RISING_MS || rise < RISE_MIN) return undefined;
  followed.rising = [];
  const first = row.t - followed.roseAt > CALM_MS;
  followed.roseAt = row.t;
  return first ? finding('rising', row, rise, RISE_MIN) : undefined;
}

/** Up by two degrees and down again by as much, from one reading to the next; told of the reading at the top. */
function spikeThenDrop(followed: Followed, row: LiveRow): Finding | undefined {
  const [a, b] = followed.lastTwo;
  followed.lastTwo = [...followed.lastTwo.slice(-1), row];
  if (!a || !b) return undefined;
  const found = b.value >= a.value + SPIKE && row.value <= b.value - SPIKE && row.at <= a.at + SPIKE_MS;
  if (!found) return undefined;
  followed.lastTwo = [];
  return finding('spike_then_drop', b, b.value - a.value, SPIKE);
}
