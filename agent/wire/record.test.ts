import { describe, expect, it } from 'vitest';
import { type Reading, timesAt } from '../../core/reading.js';
import { record } from './record.js';

const reading = (milli: number): Reading => ({
  sensor: 'a',
  quantity: 'temperature',
  milli,
  quality: 'good',
  ...timesAt(0),
});

/** A ring that refuses some values, and confirms when told that all is on the card. */
function world(refuses: (reading: Reading) => boolean) {
  const rows: number[] = [];
  const waiting: (() => void)[] = [];
  const alarmed: [milli: number, seq: number][] = [];
  const logged: unknown[] = [];
  const keep = () => {
    for (const fn of waiting.splice(0)) fn();
  };
  const deps = {
    ring: {
      head: () => rows.length,
      append: (given: Reading) => {
        if (refuses(given)) throw new Error('no room');
        return rows.push(given.milli);
      },
      whenKept: (fn: () => void) => void waiting.push(fn),
    },
    alarm: { reading: ({ milli }: Reading, seq: number) => void alarmed.push([milli, seq]) },
    log: { error: (what: unknown) => void logged.push(what) },
  };
  return { deps, rows, alarmed, logged, keep };
}

describe('a payload’s readings', () => {
  it('go to the ring and to the alarm, and are confirmed once they are kept', () => {
    const { deps, rows, alarmed, keep } = world(() => false);
    let confirmed = 0;
    record(deps, [reading(1), reading(2)], () => {
      confirmed += 1;
    });
    expect([rows, alarmed, confirmed]).toEqual([
      [1, 2],
      [
        [1, 1],
        [2, 2],
      ],
      0,
    ]);
    keep();
    expect(confirmed).toBe(1);
  });

  it('reach the alarm when the ring does not take them, and are not confirmed then', () => {
    const { deps, rows, alarmed, logged, keep } = world(({ milli }) => milli === 2);
    let confirmed = false;
    record(deps, [reading(1), reading(2), reading(3)], () => {
      confirmed = true;
    });
    keep();
    expect(rows).toEqual([1, 3]);
    expect(alarmed).toEqual([
      [1, 1],
      [2, 1],
      [3, 2],
    ]);
    expect(logged).toEqual([{ error: 'no room' }]);
    expect(confirmed).toBe(false);
  });

  it('of a source that needs no confirmation ask for none', () => {
    const { deps, rows, keep } = world(() => false);
    record(deps, [reading(1)], undefined);
    keep();
    expect(rows).toEqual([1]);
  });
});
