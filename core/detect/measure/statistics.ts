/*
 * Statistics over what came before, for rules and streams alike. None of them lets a sample judge itself: with it in
 * the window, n values can never be further than (n − 1)/√n deviations from their own mean.
 */

/** Sample mean and standard deviation (n − 1). */
function meanAndDeviation(values: readonly number[]): { mean: number; deviation: number } {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / Math.max(1, n);
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return { mean, deviation: n < 2 ? 0 : Math.sqrt(squares / (n - 1)) };
}

/** How many standard deviations `value` is from the values before it; undefined for fewer than three, or all equal. */
export function zScore(before: readonly number[], value: number): number | undefined {
  if (before.length < 3) return undefined;
  const { mean, deviation } = meanAndDeviation(before);
  return deviation === 0 ? undefined : (value - mean) / deviation;
}

/** One step of exponential smoothing for samples that come when they come: after `timeConstantMs`, 63 % of a step. */
export function smooth(
  before: number | undefined,
  value: number,
  elapsedMs: number,
  timeConstantMs: number,
): number {
  if (before === undefined) return value;
  return before + (value - before) * (1 - Math.exp(-elapsedMs / timeConstantMs));
}
