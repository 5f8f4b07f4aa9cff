/** The first and the longest cap of a pause, ms. */
export interface RetrySpec {
  firstMs: number;
  maxMs: number;
}

/**
 * Delays before each further attempt: exponential with full jitter (each drawn evenly from 0 to the cap), so that
 * a thousand gateways that lost the same relay do not come back as one.
 */
export function* retrySchedule(
  { firstMs, maxMs }: RetrySpec,
  random: () => number,
): Generator<number, never> {
  for (let cap = firstMs; ; cap = Math.min(maxMs, cap * 2)) yield Math.round(random() * cap);
}
