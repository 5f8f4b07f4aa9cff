import { DAY, HOUR } from '../../durations.js';
import type { Facts } from '../../text/catalog.js';
import type { Milli } from '../../units.js';
import { quantile, type Track } from '../track.js';
import type { Evaluation, Sample } from './evaluation.js';
import { featuresOf } from './features.js';
import { forestScore } from './forest.js';
import type { AnomalyRule } from './rules.js';
import { zScore } from './statistics.js';

interface Day {
  day: number;
  /** At most 25: a day in which the clock was set back has one more. */
  hours: { hour: number; min: Milli; max: Milli }[];
  sum: number;
  squares: number;
  n: number;
}

/** What the days before today come to. */
interface UsualDays {
  days: number;
  high: Milli;
  low: Milli;
  mean: number;
  deviation: number;
}

/** What an anomaly rule compares with: thousandths of a °C over ms. Plain JSON, bounded. */
export interface AnomalyState {
  /** zscore: the values before. */
  before?: { atMs: number; milli: Milli }[];
  /** extreme: what each of the last days had, today last. */
  past?: Day[];
  usual?: UsualDays | null;
  unusualSinceMs?: number | null;
}

const DAYS = 28;
/** A week has each of its days once; fewer are no "usual". */
const DAYS_MIN = 7;
/** The share of hours that may be further out: one bad hour must not be the measure of four weeks. */
const RARE = 0.01;
/** Deviations beyond that. */
const BEYOND = 1;
const BEFORE_MAX = 600;
/** A value that can be told from the last ones only by rounding is no anomaly. */
const ZSCORE_FLOOR: Milli = 200;

interface Judged {
  score: number;
  threshold: number;
  name: string;
  facts: Facts;
  /** Ordinary again; without it, no longer beyond the threshold is enough. */
  over?: boolean;
}

export function stepAnomaly(
  rule: AnomalyRule,
  state: AnomalyState,
  sample: Sample,
  track: Track,
): Evaluation | undefined {
  const judged = judge(rule, state, sample, track);
  if (!judged) return undefined;
  const beyond = judged.score > judged.threshold;
  state.unusualSinceMs = beyond ? (state.unusualSinceMs ?? sample.atMs) : null;
  const value = Math.round(judged.score * 1000) / 1000;
  const threshold = Math.round(judged.threshold * 1000) / 1000;
  return {
    raise: beyond && sample.atMs - state.unusualSinceMs! >= rule.dwell,
    over: judged.over ?? !beyond,
    kpi: { name: judged.name, value, threshold, unit: '1' },
    facts: { how: rule.what, ...judged.facts },
  };
}

function judge(rule: AnomalyRule, state: AnomalyState, sample: Sample, track: Track): Judged | undefined {
  if (rule.what === 'zscore') return byZScore(rule, state, sample);
  if (rule.what === 'extreme') return byExtremes(rule, state, sample);
  const { model } = rule;
  // Paths have been replaced by what they name when a file was read.
  if (typeof model !== 'object') return undefined;
  const features = featuresOf(track, model.features);
  if (!features) return undefined;
  const threshold = rule.threshold ?? model.threshold;
  return {
    score: forestScore(model, features),
    threshold,
    name: 'forest_score',
    facts: {},
  };
}

function byZScore(rule: AnomalyRule, state: AnomalyState, { atMs, milli }: Sample): Judged | undefined {
  state.before ??= [];
  const { before } = state;
  while (before.length > BEFORE_MAX || (before[0] && before[0].atMs < atMs - rule.window)) before.shift();
  const values = before.map((point) => point.milli);
  const scored = zScore(values, milli);
  before.push({ atMs, milli });
  if (scored === undefined) return undefined;
  const near = values.every((value) => Math.abs(value - milli) < ZSCORE_FLOOR);
  const facts = { minutes: Math.round(rule.window / 60_000) };
  return { score: near ? 0 : Math.abs(scored.z), threshold: rule.threshold ?? 3, name: 'z', facts };
}

function byExtremes(rule: AnomalyRule, state: AnomalyState, { wallMs, milli }: Sample): Judged | undefined {
  state.past ??= [];
  const day = Math.floor(wallMs / DAY);
  if (state.past.at(-1)?.day !== day) {
    // Days that are over: one that goes bad slowly would else be measured against itself.
    const known = state.past.filter((d) => d.day < day && d.day >= day - DAYS);
    state.usual = known.length < DAYS_MIN ? null : usualOf(known);
    state.past = [...known, { day, hours: [], sum: 0, squares: 0, n: 0 }];
  }
  const judged = state.usual ? beyondUsual(state.usual, milli, rule.threshold ?? BEYOND) : undefined;
  const today = state.past.at(-1)!;
  const hour = Math.floor(wallMs / HOUR);
  const last = today.hours.at(-1);
  if (last?.hour === hour) {
    last.min = Math.min(last.min, milli);
    last.max = Math.max(last.max, milli);
  } else today.hours.push({ hour, min: milli, max: milli });
  today.sum += milli;
  today.squares += milli * milli;
  today.n += 1;
  return judged;
}

function usualOf(days: readonly Day[]): UsualDays {
  const total = (of: (d: Day) => number) => days.reduce((sum, d) => sum + of(d), 0);
  const n = total((d) => d.n);
  const mean = total((d) => d.sum) / n;
  const deviation = Math.max(1, Math.sqrt(Math.max(0, total((d) => d.squares) / n - mean * mean)));
  const hours = days.flatMap((d) => d.hours);
  const high = quantile(
    hours.map(({ max }) => max),
    1 - RARE,
  );
  const low = quantile(
    hours.map(({ min }) => min),
    RARE,
  );
  return { days: days.length, high, low, mean, deviation };
}

function beyondUsual(
  { days, high, low, mean, deviation }: UsualDays,
  milli: Milli,
  threshold: number,
): Judged {
  const score = Math.max(milli - high, low - milli) / deviation;
  const over = Math.abs(milli - mean) < 2 * deviation;
  return { score: Math.max(0, score), threshold, name: 'beyond_extreme', facts: { days, low, high }, over };
}
