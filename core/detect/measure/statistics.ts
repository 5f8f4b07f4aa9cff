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

/**
 * How far `value` is from the mean of the values before it (`away`), and how many standard deviations that is (`z`), of
 * which one counts as `deviationMin` at the least. Undefined for fewer than three values before, or all equal.
 */
export function zScore(
  before: readonly number[],
  value: number,
  deviationMin = 0,
): { z: number; away: number } | undefined {
  if (before.length < 3) return undefined;
  const { mean, deviation } = meanAndDeviation(before);
  const away = value - mean;
  const measure = Math.max(deviationMin, deviation);
  return measure === 0 ? undefined : { z: away / measure, away };
}
