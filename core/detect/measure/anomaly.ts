import type { Milli } from '../../units.js';
import type { Track } from '../track.js';
import { featuresOf } from './features.js';
import type { Finding, Sample } from './finding.js';
import { forestScore } from './forest.js';
import type { AnomalyRule } from './rules.js';
import { zScore } from './statistics.js';

interface Day {
  day: number;
  min: Milli;
  max: Milli;
  sum: number;
  squares: number;
  n: number;
}

export interface AnomalyState {
  /** zscore: the values before. */
  before?: { atMs: number; milli: Milli }[];
  /** extreme: what each of the last days had. */
  days?: Day[];
  unusualSinceMs?: number | null;
}

const DAY_MS = 86_400_000;
const DAYS = 28;
/** Fewer days than this are no "usual". */
const DAYS_MIN = 14;
const BEFORE_MAX = 600;
/** A value that can be told from the last ones only by rounding is no anomaly. */
const ZSCORE_FLOOR: Milli = 200;

interface Judged {
  score: number;
  threshold: number;
  name: string;
  text: string;
  /** Ordinary again; without it, no longer beyond the threshold is enough. */
  over?: boolean;
}

export function stepAnomaly(
  rule: AnomalyRule,
  state: AnomalyState,
  sample: Sample,
  track: Track,
): Finding | undefined {
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
    text: `at ${sample.milli / 1000} °C, ${judged.text} (${value}, ${threshold} is the bound)`,
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
    text: 'unlike what it was trained on',
  };
}

function byZScore(rule: AnomalyRule, state: AnomalyState, { atMs, milli }: Sample): Judged | undefined {
  state.before ??= [];
  const { before } = state;
  while (before.length > BEFORE_MAX || (before[0] && before[0].atMs < atMs - rule.window)) before.shift();
  const values = before.map((point) => point.milli);
  const z = zScore(values, milli);
  before.push({ atMs, milli });
  if (z === undefined) return undefined;
  const near = values.every((value) => Math.abs(value - milli) < ZSCORE_FLOOR);
  const text = `far from the last ${Math.round(rule.window / 60_000)} min`;
  return { score: near ? 0 : Math.abs(z), threshold: rule.threshold ?? 3, name: 'z', text };
}

function byExtremes(rule: AnomalyRule, state: AnomalyState, { wallMs, milli }: Sample): Judged | undefined {
  state.days ??= [];
  const { days } = state;
  const day = Math.floor(wallMs / DAY_MS);
  const known = days.filter((d) => d.day >= day - DAYS);
  const judged = known.length <= DAYS_MIN ? undefined : beyondExtremes(known, milli, rule.threshold ?? 0.25);
  let today = days.at(-1);
  if (today?.day !== day) {
    today = { day, min: milli, max: milli, sum: 0, squares: 0, n: 0 };
    state.days = [...known, today];
  }
  today.min = Math.min(today.min, milli);
  today.max = Math.max(today.max, milli);
  today.sum += milli;
  today.squares += milli * milli;
  today.n += 1;
  return judged;
}

function beyondExtremes(days: readonly Day[], milli: Milli, threshold: number): Judged {
  const n = days.reduce((sum, d) => sum + d.n, 0);
  const mean = days.reduce((sum, d) => sum + d.sum, 0) / n;
  const squares = days.reduce((sum, d) => sum + d.squares, 0) / n;
  const deviation = Math.max(1, Math.sqrt(Math.max(0, squares - mean * mean)));
  const high = Math.max(...days.map((d) => d.max));
  const low = Math.min(...days.map((d) => d.min));
  const score = Math.max(milli - high, low - milli) / deviation;
  const text = `beyond all of the last ${days.length} days (${low / 1000} to ${high / 1000} °C)`;
  const over = Math.abs(milli - mean) < 2 * deviation;
  return { score: Math.max(0, score), threshold, name: 'beyond_extreme', text, over };
}
