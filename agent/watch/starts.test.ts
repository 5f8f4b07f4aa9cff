import { pino } from 'pino';
import { expect, it } from 'vitest';
import { SimulatedClock } from '../../core/clock/simulated.js';
import type { Alarm } from '../alarm/alarm.js';
import type { Condition } from '../alarm/alert.js';
import { Starts } from './starts.js';

it('tries again what cannot start, at a pace that stays, shows it and alarms it until it can', async () => {
  const clock = new SimulatedClock();
  const told: Condition[] = [];
  const alarm = { condition: (condition: Condition) => void told.push(condition) } as unknown as Alarm;
  const starts = new Starts({ alarm, clock, log: pino({ level: 'silent' }) });
  const tries: number[] = [];
  let free = false;
  const start = async () => {
    tries.push(clock.mono());
    if (!free) throw new Error('listen EADDRINUSE');
  };
  await starts.add({ name: 'MQTT', lacks: 'Its sensors are not read', severity: 'critical', start });
  await clock.advance(5000);
  expect(told).toEqual([]);
  await clock.advance(3_600_000);
  expect(starts.failing).toEqual([
    { name: 'MQTT', problem: 'listen EADDRINUSE', since: Date.UTC(2026, 0, 1) },
  ]);
  expect(told[0]).toMatchObject({ type: 'communication_lost', rule: 'start-MQTT', active: true });
  expect(tries.at(-1)! - tries.at(-2)!).toBe(30_000);
  free = true;
  await clock.advance(30_000);
  expect([starts.failing, told.at(-1)!.active]).toEqual([[], false]);
  const before = tries.length;
  await clock.advance(3_600_000);
  expect(tries).toHaveLength(before);
});

it('waits no more for what is gone from the site file', async () => {
  const told: Condition[] = [];
  const open = ['start-MQTT', 'start-modem', 'storage'].map((rule) => ({ rule, severity: 'critical' }));
  const alarm = { open, condition: (condition: Condition) => void told.push(condition) } as unknown as Alarm;
  const starts = new Starts({ alarm, clock: new SimulatedClock(), log: pino({ level: 'silent' }) });
  const start = async () => {
    throw new Error('still taken');
  };
  await starts.add({ name: 'MQTT', lacks: 'Its sensors are not read', severity: 'critical', start });
  starts.forgetOthers();
  expect(told.map(({ rule, active }) => [rule, active])).toEqual([['start-modem', false]]);
  starts.stop();
});
