import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../core/clock/simulated.js';
import type { RingEvent } from '../../core/contract/messages.js';
import { HOUR } from '../../core/durations.js';
import { STOPPED, watchSilence } from './silence.js';

const NOON = Date.UTC(2026, 0, 1, 12);

function start(clock: SimulatedClock, boot: string, measuredAt: number | null, stopped = true) {
  const gaps: unknown[] = [];
  const before = measuredAt === null ? null : { measuredAt, boot: 'first' };
  const appendEvent = (event: RingEvent) => gaps.push(event.type === 'gap' && event.gap);
  const state = new Map<string, unknown>([[STOPPED, stopped]]);
  const loadState = (key: string) => state.get(key);
  const saveState = (key: string, value: unknown) => state.set(key, value);
  watchSilence({ before, appendEvent, loadState, saveState }, boot, clock);
  expect(state.get(STOPPED)).toBeNull();
  return gaps;
}

describe('time in which nothing was measured', () => {
  it('is named after a power cut, and after a stop within one boot', () => {
    const span = { since: '2026-01-01T11:00:00.000Z', until: '2026-01-01T12:00:00.000Z' };
    expect(start(new SimulatedClock(NOON, 9000), 'second', NOON - HOUR)).toEqual([
      { reason: 'power-off', ...span },
    ]);
    expect(start(new SimulatedClock(NOON, 9e6), 'first', NOON - HOUR)).toEqual([
      { reason: 'not-sampled', ...span },
    ]);
  });

  it('is not said to be so after a program was killed: it may have measured, and nothing of it was kept', () => {
    expect(start(new SimulatedClock(NOON, 9e6), 'first', NOON - HOUR, false)).toMatchObject([
      { reason: 'not-kept' },
    ]);
    expect(start(new SimulatedClock(NOON, 9000), 'second', NOON - HOUR, false)).toMatchObject([
      { reason: 'power-off' },
    ]);
  });

  it('is not made of a quick restart, nor of a first start', () => {
    expect(start(new SimulatedClock(NOON, 9000), 'second', NOON - 60_000)).toEqual([]);
    expect(start(new SimulatedClock(NOON, 9000), 'second', null)).toEqual([]);
  });

  it('waits for a clock that is not set yet, and then knows when this start was', async () => {
    const clock = new SimulatedClock(0, 5000);
    clock.setWall(0, false);
    const gaps = start(clock, 'second', NOON - HOUR);
    await clock.advance(60_000);
    expect(gaps).toEqual([]);
    clock.setWall(NOON, true);
    await clock.advance(10_000);
    expect(gaps).toEqual([
      { reason: 'power-off', since: '2026-01-01T11:00:00.000Z', until: '2026-01-01T11:59:00.000Z' },
    ]);
  });
});
