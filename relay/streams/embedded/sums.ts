import { MINUTE } from '../../../core/durations.js';
import { WINDOW_MS } from '../meaning.js';
import { isOutside, type Judge } from './limits.js';

const MINUTES = WINDOW_MS / MINUTE;

/** What is kept of a channel's values in five minutes: in all, and of each minute. Limits have no part in it. */
export interface Sums {
  count: number;
  min: number;
  max: number;
  sum: number;
  /** By the minute's number since 1970, modulo five: any five minutes on end have one of each. */
  minutes: { count: number; sum: number }[];
}

export const emptySums = (): Sums => ({
  count: 0,
  min: Number.POSITIVE_INFINITY,
  max: Number.NEGATIVE_INFINITY,
  sum: 0,
  minutes: Array.from({ length: MINUTES }, () => ({ count: 0, sum: 0 })),
});

export function add(sums: Sums, atMs: number, value: number): void {
  const minute = sums.minutes[Math.floor(atMs / MINUTE) % MINUTES]!;
  minute.count += 1;
  minute.sum += value;
  sums.count += 1;
  sums.sum += value;
  sums.min = Math.min(sums.min, value);
  sums.max = Math.max(sums.max, value);
}

export function merge(sums: Sums, other: Sums): void {
  sums.count += other.count;
  sums.sum += other.sum;
  sums.min = Math.min(sums.min, other.min);
  sums.max = Math.max(sums.max, other.max);
  other.minutes.forEach(({ count, sum }, i) => {
    sums.minutes[i]!.count += count;
    sums.minutes[i]!.sum += sum;
  });
}

/** As SQL rounds: by the decimal digits, a half away from zero. */
export function roundTo(value: number, digits: number): number {
  const [mantissa, exponent = '0'] = String(Math.abs(value)).split('e');
  const whole = Math.round(Number(`${mantissa}e${Number(exponent) + digits}`));
  return Math.sign(value) * Number(`${whole}e-${digits}`) || 0;
}

/** Values have three digits: what is more in their sum comes from adding. */
const meanOf = ({ sum, count }: { sum: number; count: number }) => roundTo(sum, 3) / count;

export const shown = (sums: Pick<Sums, 'count' | 'min' | 'max' | 'sum'>) => ({
  count: sums.count,
  min: sums.min,
  max: sums.max,
  mean: roundTo(meanOf(sums), 6),
});

/**
 * How much of the five minutes is known, and how much of that was outside: each minute with readings counts by their
 * mean, and stands for a minute, or for the sensor's cadence where that is longer. A burst of readings weighs no more
 * than one.
 */
export function covered({ minutes }: Sums, judge: Judge) {
  const means = minutes.filter(({ count }) => count > 0).map(meanOf);
  const outside = means.filter((mean) => isOutside(judge, mean)).length;
  const each = Math.max(MINUTE, judge.everyMs) / 1000;
  const seconds = Math.min(WINDOW_MS / 1000, means.length * each);
  return { seconds_covered: seconds, seconds_outside: roundTo((seconds * outside) / means.length, 6) };
}
