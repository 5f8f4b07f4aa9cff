import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../core/clock/simulated.js';
import type { RingEvent } from '../../core/contract/messages.js';
import { ruleSchema } from '../../core/detect/rules.js';
import { policySchema } from '../../core/policy/local.js';
import type { Ring } from '../ring/port.js';
import { Alarm } from './alarm.js';

const rule = ruleSchema.parse({ kind: 'threshold', name: 'warm', side: 'above', limit: 8, dwell: '0s' });

function alarmsOf(values: readonly number[], medianOfThree: boolean): number {
  const clock = new SimulatedClock();
  let raised = 0;
  const ring = {
    epoch: '0'.repeat(16),
    head: () => 0,
    timeline: () => clock.mono(),
    loadState: () => undefined,
    saveState: () => {},
    appendEvent: (event: RingEvent) => {
      if (event.type === 'alert' && event.alert.state === 'raised') raised += 1;
      return 1;
    },
  } as unknown as Ring;
  const sensors = [{ id: 'a', name: 'A', rules: [rule], medianOfThree }];
  const policy = policySchema.parse({});
  const alarm = new Alarm({ gateway: 'g', sensors, policy, ring, clock, annunciate: () => {} });
  values.forEach((celsius, i) => {
    const times = { atMs: i * 60_000, monoMs: i * 60_000, wallMs: i * 60_000 };
    alarm.reading(
      { sensor: 'a', quantity: 'temperature', milli: celsius * 1000, quality: 'good', ...times },
      i + 1,
    );
  });
  return raised;
}

it('with the median of three a single wild value never alarms, and a lasting one does', () => {
  expect(alarmsOf([5, 5, 12, 5, 5], false)).toBe(1);
  expect(alarmsOf([5, 5, 12, 5, 5], true)).toBe(0);
  expect(alarmsOf([5, 5, 12, 12, 12], true)).toBe(1);
});

describe('what was learned and added up', () => {
  const mkt = ruleSchema.parse({ kind: 'mkt', name: 'mkt', limit: 8, window: '24h' });
  const level = ruleSchema.parse({ kind: 'behaviour', name: 'level', what: 'level' });

  /** An alarm on a ring that outlives it; feeds hours of a fridge at 12 °C and says what was raised. */
  function life(states: Map<string, unknown>, fromHour: number, hours: number, learnSince?: string) {
    const raised: string[] = [];
    let nowMs = fromHour * 3_600_000;
    const ring = {
      epoch: '0'.repeat(16),
      head: () => raised.length,
      timeline: () => nowMs,
      loadState: (name: string) => states.get(name),
      saveState: (name: string, state: unknown) => states.set(name, structuredClone(state)),
      appendEvent: (event: RingEvent) => {
        if (event.type === 'alert' && event.alert.state === 'raised') raised.push(event.alert.summary);
        return 1;
      },
    } as unknown as Ring;
    const sensors = [{ id: 'a', name: 'A', rules: [mkt, level], learnSince }];
    const policy = policySchema.parse({});
    const clock = new SimulatedClock();
    const alarm = new Alarm({ gateway: 'g', sensors, policy, ring, clock, annunciate: () => {} });
    for (let m = 0; m < hours * 60; m++) {
      nowMs = fromHour * 3_600_000 + m * 60_000;
      const times = { atMs: nowMs, monoMs: nowMs, wallMs: nowMs };
      alarm.reading(
        { sensor: 'a', quantity: 'temperature', milli: 12_000 + (m % 7) * 10, quality: 'good', ...times },
        m + 1,
      );
    }
    alarm.stop();
    return raised;
  }
  const learnedHours = (states: Map<string, unknown>) =>
    (states.get('learned') as { a: { profile: { hours: unknown[] } } }).a.profile.hours.length;

  it('goes on after a restart, and the fridge alone is forgotten after a repair', () => {
    const states = new Map<string, unknown>();
    expect(life(states, 0, 12)).toEqual([]);
    const hours = learnedHours(states);
    expect(hours).toBeGreaterThan(8);
    expect(life(states, 12, 8)[0]).toMatch(/^A: mean kinetic temperature of 24 h is 12.03 °C, above 8 °C\.$/);
    expect(learnedHours(states)).toBeGreaterThan(hours);
    // A new date: what is usual starts anew, what the goods went through does not.
    expect(life(states, 20, 1, '2026-11-21')).toEqual([]);
    expect(learnedHours(states)).toBeLessThan(3);
  });
});
