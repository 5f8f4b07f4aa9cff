import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contains, missing, type RangeSet } from '../../core/contract/ranges.js';
import { DOUBTFUL_MAX, Refusals } from './refusals.js';

/** Sends parts until none is left; a range goes through when nothing in it is bad. */
function settle(
  refusals: Refusals,
  bad: ReadonlySet<number>,
): { sent: number; given: number[]; taken: RangeSet } {
  const given: number[] = [];
  const taken: [number, number][] = [];
  let sent = 0;
  for (let part = refusals.next(1); part && !refusals.everything; part = refusals.next(1)) {
    sent += 1;
    const [from, to] = part;
    if ([...bad].some((seq) => from <= seq && seq <= to)) {
      const row = refusals.refused(part);
      if (row !== undefined) given.push(row);
    } else {
      refusals.taken(part);
      taken.push([from, to]);
    }
  }
  return { sent, given, taken };
}

describe('a range that is refused', () => {
  it('is halved until the bad rows alone are left, whichever they are', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 999 }), { minLength: 1, maxLength: DOUBTFUL_MAX - 1 }),
        (rows) => {
          const bad = new Set(rows);
          const refusals = new Refusals([]);
          refusals.refused([1, 999]);
          const { given, taken } = settle(refusals, bad);
          // What was refused last is in doubt until something else goes through.
          refusals.taken([1000, 1000]);
          given.push(...settle(refusals, bad).given);
          expect(given.sort((a, b) => a - b)).toEqual([...bad].sort((a, b) => a - b));
          const all = taken.reduce<number>((sum, [from, to]) => sum + to - from + 1, 0);
          expect(all + bad.size).toBe(999);
          expect(missing(refusals.givenUp, [1, 999])).toHaveLength(
            missing(refusals.givenUp, [1, 999]).length,
          );
        },
      ),
      { numRuns: 200 },
    );
  });

  it('costs a few requests for one bad row of thousands', () => {
    const refusals = new Refusals([]);
    refusals.refused([1, 5000]);
    expect(settle(refusals, new Set([3333])).sent).toBeLessThan(30);
  });

  it('of a relay that refuses everything costs no row, also when it changes its mind', () => {
    const refusals = new Refusals([]);
    const all = new Set(Array.from({ length: 100 }, (_, i) => i + 1));
    refusals.refused([1, 100]);
    settle(refusals, all);
    expect(refusals.everything).toBe(true);
    expect(refusals.refused([101, 101])).toBeUndefined();
    refusals.taken([101, 101]);
    expect(settle(refusals, new Set()).given).toEqual([]);
    expect(refusals.apart).toEqual([]);
  });

  it('forgets rows that the ring has dropped', () => {
    const refusals = new Refusals([]);
    refusals.refused([1, 10]);
    expect(refusals.next(8)).toEqual([8, 10]);
    expect(contains(refusals.apart, 5)).toBe(false);
  });
});
