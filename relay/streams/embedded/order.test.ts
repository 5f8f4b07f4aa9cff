import { describe, expect, it } from 'vitest';
import { MINUTE } from '../../../core/durations.js';
import { MARGIN_MS, PATIENCE_MS } from '../meaning.js';
import { eventTime, InOrder, Watermark } from './order.js';

const START = Date.UTC(2026, 0, 1);

describe('event time', () => {
  it('is not after arrival, nor longer before it than the streams wait', () => {
    expect(eventTime(START + MINUTE, START)).toBe(START);
    expect(eventTime(START - MINUTE, START)).toBe(START - PATIENCE_MS);
    expect(eventTime(START - 5000, START)).toBe(START - 5000);
  });

  it('rows wait for earlier ones, and are passed on in order, by pieces of a second', () => {
    const seen: number[] = [];
    const order = new InOrder<{ t: number }>(({ t }) => seen.push(t));
    for (const t of [1000, 4000, 2000, 9000, 8000, 3000]) order.take({ t });
    order.pass(8500);
    expect(seen).toEqual([1000, 2000, 3000, 4000]);
    order.pass(8999);
    order.take({ t: 8999 });
    expect([seen, order.late]).toEqual([[1000, 2000, 3000, 4000, 8000], 1]);
  });

  it('stands behind the slowest partition, and leaves an idle one', () => {
    const mark = new Watermark();
    const behind = (ms: number) => ms - PATIENCE_MS - MARGIN_MS;
    expect(mark.arrived('a', START, 0)).toBe(behind(START));
    expect(mark.arrived('b', START - MINUTE, 0)).toBe(behind(START));
    expect(mark.arrived('a', START + MINUTE, 1000)).toBe(behind(START));
    expect(mark.arrived('a', START + MINUTE, 80_000)).toBe(behind(START + MINUTE));
    expect(mark.passed(START + 2 * MINUTE)).toBe(behind(START + 2 * MINUTE));
  });
});
