import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addRange, contains, countOf, missing, type Range, union } from './ranges.js';

const range = fc
  .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 15 }))
  .map(([from, more]): Range => [from, from + more]);

describe('range sets', () => {
  it('hold exactly what was added, as disjoint ascending ranges that never touch', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 20 }), (ranges) => {
        const set = ranges.reduce(addRange, [] as readonly Range[]);
        const model = new Set(ranges.flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => a + i)));
        for (let n = 1; n <= 80; n++) expect(contains(set, n)).toBe(model.has(n));
        expect(countOf(set)).toBe(model.size);
        for (let i = 1; i < set.length; i++) expect(set[i]![0]).toBeGreaterThan(set[i - 1]![1] + 1);
      }),
    );
  });

  it('name what is missing: set and missing together are the whole, and do not overlap', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 10 }), range, (ranges, asked) => {
        const set = ranges.reduce(addRange, [] as readonly Range[]);
        for (const [a, b] of missing(set, asked)) {
          for (let n = a; n <= b; n++) expect(contains(set, n)).toBe(false);
        }
        expect(missing(union(set, missing(set, asked)), asked)).toEqual([]);
      }),
    );
  });
});
