import type { Label } from './labels.js';
import type { Raised } from './score.js';

/*
 * The score of the Numenta Anomaly Benchmark (Lavin and Ahmad 2015), profile "standard": a window counts by how early
 * its first alarm is, every alarm outside costs, most far from any window. 0 is a detector that says nothing, 100 one
 * that alarms at the start of each window and never else. Alarms of the first 15 % of the time (at most 750 readings'
 * worth in NAB, all of it here) are not counted.
 */
const COST_FALSE = 0.11;
const PROBATION = 0.15;

/** 1 at a window's start (−1), 0 at its end (0), towards −1 after it. */
const sigmoid = (y: number) => 2 / (1 + Math.exp(5 * y)) - 1;

interface Span {
  firstMs: number;
  lastMs: number;
}

/** Undefined when no window remains after the probation. */
export function nabScore(
  labels: readonly Label[],
  raised: readonly Raised[],
  observed: ReadonlyMap<string, Span>,
) {
  const begins = (sensor: string) => {
    const { firstMs, lastMs } = observed.get(sensor)!;
    return firstMs + PROBATION * (lastMs - firstMs);
  };
  const windows = labels.filter((l) => !l.benign && l.endMs > begins(l.sensor));
  if (windows.length === 0) return undefined;
  const counted = raised.filter((a) => a.atMs >= begins(a.sensor));
  const inside = (a: Raised, w: Label) => a.sensor === w.sensor && a.atMs >= w.onsetMs && a.atMs <= w.endMs;
  const found = windows.map((w) => {
    const first = counted.find((a) => inside(a, w));
    return first ? sigmoid((first.atMs - w.endMs) / Math.max(1, w.endMs - w.onsetMs)) / sigmoid(-1) : -1;
  });
  const falseOnes = counted.filter((a) => !windows.some((w) => inside(a, w)));
  const costs = falseOnes.map((a) => {
    const before = windows.filter((w) => w.sensor === a.sensor && w.endMs < a.atMs).at(-1);
    return before ? sigmoid((a.atMs - before.endMs) / Math.max(1, before.endMs - before.onsetMs)) : -1;
  });
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const total = sum(found) + COST_FALSE * sum(costs);
  return {
    score: Math.round((1000 * (total + windows.length)) / (2 * windows.length)) / 10,
    windows: windows.length,
    windows_found: found.filter((f) => f >= 0).length,
    false_alarms: falseOnes.length,
  };
}
