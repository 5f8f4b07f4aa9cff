import { HOUR } from '../../durations.js';
import type { Milli } from '../../units.js';
import { proof } from '../cadence.js';
import type { Track } from '../track.js';
import { type AnomalyState, stepAnomaly } from './anomaly.js';
import type { Evaluation, Sample } from './evaluation.js';
import { type KineticWindow, meanKinetic, pushKinetic, windowKinetic } from './kinetic.js';
import type { AnomalyRule, BudgetRule, MktRule, TrendRule, VvmRule } from './rules.js';
import { stepTrend, type TrendState } from './trend.js';
import { vialLifeUsed } from './vial.js';

/** A rule about what adds up or compares. */
export type MeasureRule = TrendRule | MktRule | VvmRule | BudgetRule | AnomalyRule;

/** Plain JSON of bounded size. */
export interface MeasureState {
  last?: { atMs: number; milli: Milli };
  activeSinceMs: number | null;
  trend?: TrendState;
  kinetic?: KineticWindow;
  /** vvm: share of life; budget: ms. */
  used?: number;
  since?: string;
  anomaly?: AnomalyState;
}

export const MEASURE_START: MeasureState = { activeSinceMs: null };
/** The share of an MKT's window that must be known before it is compared with a limit. */
const COVERAGE = 0.8;
const hundredth = (value: number) => Math.round(value * 100) / 100;

/** One temperature through one rule; changes `state`. Undefined while there is too little to say. */
export function stepMeasure(
  rule: MeasureRule,
  state: MeasureState,
  sample: Sample,
  track: Track,
  cadenceMs?: number,
): Evaluation | undefined {
  const { last } = state;
  if (last && sample.atMs <= last.atMs) return undefined;
  state.last = { atMs: sample.atMs, milli: sample.milli };
  switch (rule.kind) {
    case 'trend':
      state.trend ??= { points: [] };
      return stepTrend(rule, state.trend, sample);
    case 'anomaly':
      state.anomaly ??= {};
      return stepAnomaly(rule, state.anomaly, sample, track);
    case 'mkt':
      return kinetic(rule, state, sample, last, proof(rule.gap, cadenceMs));
    case 'vvm':
      return vial(rule, state, sample, last);
    case 'budget':
      return budget(rule, state, sample, last);
  }
}

function kinetic(
  rule: MktRule,
  state: MeasureState,
  { atMs, milli }: Sample,
  last: MeasureState['last'],
  gapMs: number,
): Evaluation | undefined {
  state.kinetic ??= { slices: [] };
  const elapsed = last ? atMs - last.atMs : 0;
  if (last && elapsed <= gapMs) {
    pushKinetic(state.kinetic, rule.window, atMs, (last.milli + milli) / 2, elapsed);
  }
  const sums = windowKinetic(state.kinetic);
  const value = meanKinetic(sums);
  if (value === undefined || sums.ms < COVERAGE * rule.window) return undefined;
  const limit = rule.limit / 1000;
  const hours = Math.round(rule.window / HOUR);
  return {
    raise: value > limit,
    over: value <= limit,
    kpi: { name: 'mkt', value: hundredth(value), threshold: limit, unit: 'Cel' },
    facts: { hours },
  };
}

/** What was used before the goods came in is forgotten. */
function usedSince(state: MeasureState, since: string | undefined, wallMs: number): number {
  if (since !== state.since && wallMs >= Date.parse(since ?? '1970-01-01T00:00:00Z')) {
    state.used = 0;
    if (since !== undefined) state.since = since;
  }
  return state.used ?? 0;
}

/** A silence counts at the warmer of its ends: goods do not become younger because nobody looked. */
function vial(rule: VvmRule, state: MeasureState, sample: Sample, last: MeasureState['last']): Evaluation {
  const before = usedSince(state, rule.since, sample.wallMs);
  const warmest = Math.max(sample.milli, last?.milli ?? sample.milli);
  const used = before + vialLifeUsed(rule.monitor, warmest, last ? sample.atMs - last.atMs : 0);
  state.used = used;
  const percent = (share: number) => Math.round(share * 1000) / 10;
  return {
    raise: used >= rule.used,
    over: used < rule.used,
    kpi: { name: 'vvm_used', value: percent(used), threshold: percent(rule.used), unit: '%' },
    facts: { monitor: rule.monitor },
  };
}

function budget(
  rule: BudgetRule,
  state: MeasureState,
  sample: Sample,
  last: MeasureState['last'],
): Evaluation {
  const before = usedSince(state, rule.since, sample.wallMs);
  const warmest = Math.max(sample.milli, last?.milli ?? sample.milli);
  const out = warmest > rule.above;
  const spoilt = rule.up_to !== undefined && sample.milli > rule.up_to;
  const used = spoilt ? Math.max(before, rule.allowed) : before + (out && last ? sample.atMs - last.atMs : 0);
  state.used = used;
  const hours = (ms: number) => hundredth(ms / HOUR);
  return {
    raise: used >= rule.allowed,
    over: used < rule.allowed,
    kpi: { name: 'budget_used', value: hours(used), threshold: hours(rule.allowed), unit: 'h' },
    facts: { product: rule.product, source: rule.source, ...(spoilt ? { spoilt: sample.milli } : {}) },
  };
}
