import type { Milli } from '../../units.js';
import type { Evaluation, Sample } from './evaluation.js';
import type { TrendRule } from './rules.js';

/** The points of the last `over`: thousandths of a °C over ms. Plain JSON, bounded. */
export interface TrendState {
  points: { atMs: number; milli: Milli }[];
}

/** The fastest probe gives one value a second: enough of them for ten minutes. */
const POINTS_MAX = 600;

/** Changes `state`: the points of the last `over`. */
export function stepTrend(rule: TrendRule, state: TrendState, { atMs, milli }: Sample): Evaluation {
  const { points } = state;
  points.push({ atMs, milli });
  while (points.length > POINTS_MAX || points[0]!.atMs < atMs - rule.over) points.shift();
  const values = points.map((point) => point.milli);
  const moved = MOVED[rule.what](values, points.at(-1)!.atMs - points[0]!.atMs, rule.over);
  const celsius = Math.round(moved) / 1000;
  const seconds = Math.round(rule.over / 1000);
  return {
    raise: moved >= rule.by,
    over: moved < rule.by / 2,
    kpi: { name: rule.what, value: celsius, threshold: rule.by / 1000, unit: 'Cel' },
    facts: { seconds, shape: rule.what },
  };
}

const MOVED: Record<
  TrendRule['what'],
  (values: readonly Milli[], spannedMs: number, overMs: number) => number
> = {
  rate: (values) => Math.max(...values) - Math.min(...values),
  rising: (values, spannedMs, overMs) =>
    spannedMs >= overMs * 0.9 && risesSteadily(values) ? values.at(-1)! - values[0]! : 0,
  spike_then_drop: spikeThenDrop,
};

/** Each value above the one before it; three at the least. */
function risesSteadily(values: readonly number[]): boolean {
  return values.length >= 3 && values.every((value, i) => i === 0 || value > values[i - 1]!);
}

/** The largest rise that was undone again afterwards: up from a low to a peak, and as far down to the last value. */
export function spikeThenDrop(values: readonly number[]): number {
  const peak = values.indexOf(Math.max(...values));
  if (peak <= 0) return 0;
  const up = values[peak]! - Math.min(...values.slice(0, peak));
  return Math.min(up, values[peak]! - values.at(-1)!);
}
