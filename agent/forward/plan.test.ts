import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addRange, missing, type RangeSet } from '../../core/contract/ranges.js';
import { planNext } from './plan.js';

const view = (head: number, settled: RangeSet = [], tail = 1) => ({ tail, head, settled });
const none = view(0);
const now = { live: true, backlog: true };
const later = { live: false, backlog: true };
const next = (events = none, readings = none, due = now, summaries = none) =>
  planNext({ events, readings, summaries }, 100, due);

describe('what goes next', () => {
  it('is nothing when all is held', () => {
    expect(next()).toBeUndefined();
    expect(next(none, view(5, [[1, 5]]))).toBeUndefined();
  });

  it('is events before anything, and readings newest first, then the backlog from its start', () => {
    expect(next(view(3, [[1, 1]]), view(900))).toMatchObject({ stream: 'events', range: [2, 3] });
    expect(next(none, view(900))).toEqual({ stream: 'readings', range: [801, 900], kind: 'live' });
    const backlog = { stream: 'readings', range: [1, 100], kind: 'backlog' };
    expect(next(none, view(900, [[801, 900]]), later)).toEqual(backlog);
  });

  it('lets a few fresh rows wait for company until they are due', () => {
    expect(next(none, view(105, [[1, 100]]), later)).toBeUndefined();
    expect(next(none, view(105, [[1, 100]]))).toMatchObject({ range: [101, 105], kind: 'live' });
  });

  it('keeps the backlog waiting until its rate allows, but neither events nor live readings', () => {
    const held = { live: false, backlog: false };
    expect(next(none, view(900, [[801, 900]]), held)).toBeUndefined();
    expect(next(none, view(900, [[801, 900]]), { live: true, backlog: false })).toBeUndefined();
    expect(next(none, view(900), { live: true, backlog: false })).toMatchObject({ kind: 'live' });
    expect(next(view(1), view(900), held)).toMatchObject({ kind: 'events' });
  });

  it('is summaries when no reading waits', () => {
    const summaries = { stream: 'summaries', range: [3, 9], kind: 'backlog' };
    expect(next(none, view(900), later, view(9, [], 3))).toMatchObject({ stream: 'readings' });
    expect(next(none, view(5, [[1, 5]]), later, view(9, [], 3))).toEqual(summaries);
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
            const views = { events: none, readings: view(300, settled), summaries: none };
            const plan = planNext(views, 25, { live: due[turn % 8]! || turn > 100, backlog: true });
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
