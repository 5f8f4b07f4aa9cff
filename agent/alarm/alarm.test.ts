import { expect, it } from 'vitest';
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
