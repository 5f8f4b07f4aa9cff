import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { spreadLanes } from './spread.js';

const lanesOf = (spread: Map<string, number[]>) => [...spread.values()].flat().sort((a, b) => a - b);

describe('lanes among relays', () => {
  it('go to the only relay, are halved with a second, and come back when it dies', () => {
    const one = spreadLanes(4, new Map([['a', []]]));
    expect(one.get('a')).toEqual([0, 1, 2, 3]);
    const two = spreadLanes(
      4,
      new Map([
        ['a', one.get('a')!],
        ['b', []],
      ]),
    );
    expect([...two.values()].map((lanes) => lanes.length)).toEqual([2, 2]);
    expect(
      spreadLanes(4, new Map([['b', two.get('b')!]]))
        .get('b')!
        .slice(0, 2),
    ).toEqual(two.get('b'));
  });

  it('are each given once, evenly, and no more move than must, whatever members claim', () => {
    const claims = fc.array(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 16 }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 16 }), claims, (lanes, held) => {
        const members = new Map(held.map((claim, i) => [`m${i}`, claim]));
        const spread = spreadLanes(lanes, members);
        expect(lanesOf(spread)).toEqual(Array.from({ length: lanes }, (_, lane) => lane));
        const counts = [...spread.values()].map((assigned) => assigned.length);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        expect(spreadLanes(lanes, spread)).toEqual(spread);
      }),
    );
  });
});
