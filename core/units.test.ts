import { describe, expect, it } from 'vitest';
import { packQuality, unpackQuality } from './quality.js';
import { retrySchedule } from './retry.js';
import { parseDuration, showMilli, toMilli } from './units.js';

describe('units', () => {
  it.each([
    [69.88083514, 'F', 21_045],
    [32, 'F', 0],
    [278_150, 'mK', 5000],
    [23_125, 'mCel', 23_125],
    [2995, 'mV', 2995],
    [-40, 'F', -40_000],
  ] as const)('%s %s is %s thousandths', (value, unit, expected) => {
    expect(toMilli(value, unit)).toBe(expected);
  });

  it('reads durations as people write them, and nothing else', () => {
    expect(['30s', '60m', '10h', '500ms', '1.5m', '2d'].map(parseDuration)).toEqual([
      30_000, 3_600_000, 36_000_000, 500, 90_000, 172_800_000,
    ]);
    expect(['', '10', 'ten minutes', '-5m', '5 m', '1e3s'].map(parseDuration)).toEqual(
      Array(6).fill(undefined),
    );
  });

  it('shows values with their unit', () => {
    expect(showMilli(9062, 'Cel')).toBe('9.06 °C');
    expect(showMilli(1000, '1')).toBe('1');
  });

  it('packs quality and reason into one number', () => {
    expect(packQuality('good')).toBe(0);
    expect(unpackQuality(packQuality('bad', 'power_on_value'))).toEqual({
      quality: 'bad',
      reason: 'power_on_value',
    });
  });

  it('spreads retries evenly below a doubling cap', () => {
    const delays = retrySchedule({ firstMs: 1000, maxMs: 5000 }, () => 0.5);
    expect(Array.from({ length: 5 }, () => delays.next().value)).toEqual([500, 1000, 2000, 2500, 2500]);
  });
});
