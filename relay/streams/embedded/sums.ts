const [LOW, HIGH] = [2, 8];
export const WINDOW_MS = 300_000;

/** What is kept of a sensor's or a clinic's values in a window. */
export interface Sums {
  count: number;
  min: number;
  max: number;
  sum: number;
  /** Values outside 2 to 8 °C. */
  outside: number;
}

export const emptySums = (): Sums => ({
  count: 0,
  min: Number.POSITIVE_INFINITY,
  max: Number.NEGATIVE_INFINITY,
  sum: 0,
  outside: 0,
});

export function merge(sums: Sums, other: Sums): void {
  sums.count += other.count;
  sums.sum += other.sum;
  sums.min = Math.min(sums.min, other.min);
  sums.max = Math.max(sums.max, other.max);
  sums.outside += other.outside;
}

export const add = (sums: Sums, value: number): void =>
  merge(sums, { count: 1, min: value, max: value, sum: value, outside: isOutside(value) ? 1 : 0 });

export const isOutside = (value: number) => value > HIGH || value < LOW;
/** All of them on one side. */
export const allOutside = ({ min, max }: Sums) => min > HIGH || max < LOW;

export const roundTo = (value: number, digits: number) => Math.round(value * 10 ** digits) / 10 ** digits;

export const shown = ({ count, min, max, sum }: Sums) => ({ count, min, max, mean: roundTo(sum / count, 6) });
export const secondsOutside = ({ outside, count }: Sums) => roundTo((300 * outside) / count, 6);
