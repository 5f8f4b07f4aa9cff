import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addRange, missing, type RangeSet } from '../../core/contract/ranges.js';
import { planNext } from './plan.js';

const view = (head: number, settled: RangeSet = [], tail = 1) => ({ tail, head, settled });
const none = view(0);

describe('what goes next', () => {
  it('is nothing when all is held', () => {
    expect(planNext(none, none, 100, true)).toBeUndefined();
    expect(planNext(none, view(5, [[1, 5]]), 100, true)).toBeUndefined();
  });

  it('is events before anything, and readings newest first, then the backlog from its start', () => {
    expect(planNext(view(3, [[1, 1]]), view(900), 100, true)).toMatchObject({
      stream: 'events',
      range: [2, 3],
    });
    expect(planNext(none, view(900), 100, true)).toEqual({
      stream: 'readings',
      range: [801, 900],
      live: true,
    });
    expect(planNext(none, view(900, [[801, 900]]), 100, false)).toMatchObject({
      range: [1, 100],
      live: false,
    });
  });

  it('lets a few fresh rows wait for company until they are due', () => {
    expect(planNext(none, view(105, [[1, 100]]), 100, false)).toBeUndefined();
    expect(planNext(none, view(105, [[1, 100]]), 100, true)).toMatchObject({ range: [101, 105], live: true });
  });

  it('sends everything, once, whatever is held and whenever live is due', () => {
    const hole = fc.tuple(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 0, max: 40 }));
    fc.assert(
      fc.property(
        fc.array(hole, { maxLength: 6 }),
        fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
        (held, due) => {
          let settled = held.reduce(
            (set, [from, more]) => addRange(set, [from, Math.min(300, from + more)]),
            [] as RangeSet,
          );
          for (let turn = 0; turn < 400; turn++) {
            const plan = planNext(none, view(300, settled), 25, due[turn % 8]! || turn > 100);
            if (!plan) continue;
            expect(missing(settled, plan.range)).toEqual([plan.range]);
            settled = addRange(settled, plan.range);
          }
          expect(missing(settled, [1, 300])).toEqual([]);
        },
      ),
    );
  });
});
