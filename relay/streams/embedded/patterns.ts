import type { Finding } from '../../../core/contract/streams.js';
import { touch } from './bounded.js';
import { roundTo } from './sums.js';

export interface LiveRow {
  clinic: string;
  gateway: string;
  sensor: string;
  at: number;
  value: number;
}

const MINUTE = 60_000;
const Z_WINDOW_MS = 5 * MINUTE;
const Z_BOUND = 3;
/** A deviation below this is rounding. */
const DEVIATION_MIN = 0.05;
const RISING_MS = 3 * MINUTE;
const SPIKE = 2;
const SPIKE_MS = 10 * MINUTE;
/** A sensor's values in five minutes: one a second at most. */
const BEFORE_MAX = 400;
/** Sensors followed at once; the one silent for longest is forgotten first. */
const SENSORS_MAX = 50_000;

interface Followed {
  /** The last five minutes. */
  before: LiveRow[];
  /** Each above the one before. */
  rising: LiveRow[];
  lastTwo: LiveRow[];
}

/** Scores and patterns over rows in the order of event time: the same as MATCH_RECOGNIZE and OVER in the Flink job. */
export class Patterns {
  readonly #sensors = new Map<string, Followed>();

  take(row: LiveRow): Finding[] {
    const key = `${row.clinic}/${row.sensor}`;
    const followed = touch(
      this.#sensors,
      key,
      SENSORS_MAX,
      (): Followed => ({ before: [], rising: [], lastTwo: [] }),
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

/** Against the five minutes before, the row itself left out. */
function zscore(followed: Followed, row: LiveRow): Finding | undefined {
  const before = followed.before.filter(({ at }) => at >= row.at - Z_WINDOW_MS).slice(-BEFORE_MAX);
  followed.before = [...before, row];
  const n = before.length;
  if (n < 3) return undefined;
  const sum = before.reduce((s, { value }) => s + value, 0);
  const squares = before.reduce((s, { value }) => s + value * value, 0);
  const variance = Math.max(0, (squares - (sum * sum) / n) / (n - 1));
  const z = (row.value - sum / n) / Math.max(DEVIATION_MIN, Math.sqrt(variance));
  return Math.abs(z) > Z_BOUND ? finding('zscore', row, z, Z_BOUND) : undefined;
}

/** Each reading above the one before, for three minutes; the next match begins after it. */
function rising(followed: Followed, row: LiveRow): Finding | undefined {
  const run = followed.rising;
  const last = run.at(-1);
  if (!last || row.value <= last.value) {
    followed.rising = [row];
    return undefined;
  }
  run.push(row);
  if (run.length < 3 || row.at < run[0]!.at + RISING_MS) return undefined;
  followed.rising = [];
  return finding('rising', row, row.value - run[0]!.value, RISING_MS / 1000);
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
