import { describe, expect, it } from 'vitest';
import { packQuality } from '../../core/quality.js';
import { thin, wholeSlots } from './thin.js';

const MIN = 60_000;
const START = Date.UTC(2026, 0, 1);
const row = (minute: number, milli: number, more: object = {}) => ({
  sensor: 'fridge-1',
  quantity: 'temperature' as const,
  measuredAt: START + minute * MIN,
  estimated: false,
  milli,
  quality: 0,
  ...more,
});
const limits = new Map([['fridge-1/temperature', [2000, 8000] as const]]);

describe('thinning', () => {
  it('gives one row a quarter of an hour and channel: least, most, mean, count, time outside', () => {
    const rows = Array.from({ length: 30 }, (_, i) => row(i, i < 15 ? 5000 + i : 9000));
    expect(thin(rows, limits)).toEqual([
      {
        sensor: 'fridge-1',
        quantity: 'temperature',
        since: START,
        until: START + 14 * MIN,
        estimated: false,
        count: 15,
        bad: 0,
        min: 5000,
        max: 5014,
        mean: 5007,
        outside_ms: 0,
      },
      expect.objectContaining({ since: START + 15 * MIN, count: 15, mean: 9000, outside_ms: 14 * MIN }),
    ]);
  });

  it('keeps channels apart, and claims nothing over a long silence', () => {
    const rows = [row(0, 9000), row(0, 480, { quantity: 'humidity' }), row(600, 9000)];
    const [first, ...rest] = thin(rows, limits);
    expect(first).toMatchObject({ count: 1, outside_ms: 0 });
    expect(rest.map(({ quantity, outside_ms }) => [quantity, outside_ms])).toEqual([
      ['temperature', 15 * MIN],
      ['humidity', 0],
    ]);
  });

  it('counts bad readings apart from all else, and estimated times apart from known ones', () => {
    const bad = packQuality('bad', 'power_on_value');
    const rows = [row(0, 85_000, { quality: bad }), row(1, 4000), row(2, 4000, { estimated: true })];
    expect(thin(rows, limits)).toMatchObject([
      { count: 1, bad: 1, max: 4000, estimated: false },
      { count: 1, bad: 0, estimated: true },
    ]);
    expect(thin(rows.slice(0, 1), limits)).toMatchObject([{ count: 0, bad: 1, min: null, mean: null }]);
  });

  it('cuts where the last whole quarter ends, if one does', () => {
    expect(wholeSlots([0, 5, 14, 15, 29, 31].map((minute) => minute * MIN))).toBe(5);
    expect(wholeSlots([1, 2, 3].map((minute) => minute * MIN))).toBe(3);
    expect(wholeSlots([7])).toBe(1);
  });
});
