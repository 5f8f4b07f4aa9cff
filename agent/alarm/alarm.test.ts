import { describe, expect, it } from 'vitest';
import { asTimeline } from '../../core/clock/clock.js';
import { SimulatedClock } from '../../core/clock/simulated.js';
import type { AlertBody, RingEvent } from '../../core/contract/messages.js';
import { ruleSchema } from '../../core/detect/rules.js';
import { type PolicyEffect, policySchema } from '../../core/policy/local.js';
import { timesAt } from '../../core/reading.js';
import type { Ring } from '../ring/port.js';
import { Alarm } from './alarm.js';
import type { AlarmSensor } from './state.js';

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
    const times = timesAt(i * 60_000);
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

describe('an episode', () => {
  /** An alarm on a state that outlives it; readings a minute apart; what came out, and what people were told. */
  function start(states: Map<string, unknown>, clock: SimulatedClock, sensors: readonly AlarmSensor[]) {
    const alerts: AlertBody[] = [];
    const told: string[] = [];
    const ring = {
      epoch: '0'.repeat(16),
      head: () => alerts.length,
      timeline: () => clock.mono(),
      loadState: (name: string) => structuredClone(states.get(name)),
      saveState: (name: string, state: unknown) => states.set(name, structuredClone(state)),
      replay: async () => [],
      appendEvent: (event: RingEvent) => (event.type === 'alert' ? alerts.push(event.alert) : 0),
    } as unknown as Ring;
    const steps = [{ to: ['nurse'] }, { to: ['manager'], after: '15m' }];
    const policy = policySchema.parse({ group_wait: '0s', steps });
    const annunciate = (effect: PolicyEffect) => {
      if (effect.kind === 'message') told.push(`${effect.about} ${effect.episodes[0]!.name}`);
    };
    const alarm = new Alarm({ gateway: 'g', sensors, policy, ring, clock, annunciate });
    const read = async (celsius: number) => {
      await clock.advance(60_000);
      const times = { atMs: asTimeline(clock.mono()), monoMs: clock.mono(), wallMs: clock.wall() };
      const reading = { sensor: 'a', quantity: 'temperature', quality: 'good', ...times } as const;
      alarm.reading({ ...reading, milli: celsius * 1000 }, 1);
    };
    return { alarm, alerts, told, read };
  }
  const fridge: AlarmSensor = { id: 'a', name: 'Fridge 1', rules: [rule] };

  it('has one beginning and knows how long it lasted, though the clock is set in the middle', async () => {
    const clock = new SimulatedClock(Date.UTC(1970, 0, 1), 0);
    clock.setWall(Date.UTC(1970, 0, 1), false);
    const { alarm, alerts, read } = start(new Map(), clock, [fridge]);
    await alarm.start();
    for (const celsius of [5, 9, 10]) await read(celsius);
    clock.setWall(Date.UTC(2026, 10, 24, 12), true);
    await read(11);
    alarm.acknowledge(null, { by: 'Amina', person: 'nurse' });
    await read(5);
    expect(alerts.map(({ state, lasted_s }) => [state, lasted_s])).toEqual([
      ['raised', 0],
      ['acknowledged', 120],
      ['cleared', 180],
    ]);
    expect(new Set(alerts.map(({ since }) => since)).size).toBe(1);
    expect(alerts.at(-1)).toMatchObject({ side: 'above', kpi: { value: 5 }, episode: { worst: 11 } });
    expect(alerts.at(-1)!.summary).toBe('Fridge 1: was above 8 °C for 3 min, worst 11 °C, now 5 °C.');
    alarm.stop();
  });

  it('that nobody acknowledges is told to further people, and the record says so', async () => {
    const clock = new SimulatedClock();
    const { alarm, alerts, told, read } = start(new Map(), clock, [fridge]);
    await alarm.start();
    for (const celsius of [5, 9, 10]) await read(celsius);
    await clock.advance(20 * 60_000);
    await read(5);
    expect(alerts.map(({ state, lasted_s }) => [state, lasted_s])).toEqual([
      ['raised', 0],
      ['escalated', 900],
      ['cleared', 1320],
    ]);
    expect(new Set(alerts.map(({ alert_id }) => alert_id)).size).toBe(3);
    expect(new Set(alerts.map(({ episode_id }) => episode_id)).size).toBe(1);
    expect(told).toEqual(['alarm Fridge 1', 'alarm Fridge 1', 'cleared Fridge 1']);
    alarm.stop();
  });

  it('of a sensor that is gone from the site file is closed at the start, says why, and so it is told', async () => {
    const states = new Map<string, unknown>();
    const clock = new SimulatedClock();
    const before = start(states, clock, [fridge]);
    await before.alarm.start();
    for (const celsius of [5, 9, 10]) await before.read(celsius);
    before.alarm.condition({
      ...{ type: 'sensor_fault', rule: 'identity', sensor: 'a', severity: 'warning', active: true },
      ...{ cause: 'identity', facts: { device: '28-2', expected: '28-1' } },
    });
    await clock.advance(10_000);
    before.alarm.stop();
    expect(before.alerts.map(({ state }) => state)).toEqual(['raised', 'raised']);

    const after = start(states, clock, [{ ...fridge, id: 'b', name: 'Freezer' }]);
    await after.alarm.start();
    expect(after.alerts.map(({ state, episode_id, cause }) => [state, episode_id, cause])).toEqual(
      before.alerts.map(({ episode_id }) => ['cleared', episode_id, 'removed']),
    );
    expect(after.alerts[0]!.since).toBe(before.alerts[0]!.since);
    expect(after.alerts[0]!.summary).toBe(
      'Fridge 1 is not watched any more, the sensor is not in the site file: closed, not resolved (Too warm).',
    );
    expect(after.alerts[1]!.summary).toContain('(Other probe)');
    expect(after.told).toEqual(['cleared Fridge 1', 'cleared Fridge 1']);
    expect(after.alarm.open).toEqual([]);
    after.alarm.stop();
    const again = start(states, clock, [fridge]);
    await again.alarm.start();
    expect(again.alerts).toEqual([]);
  });

  it('of a rule that is gone is closed too, and one that is still watched goes on', async () => {
    const states = new Map<string, unknown>();
    const clock = new SimulatedClock();
    const before = start(states, clock, [fridge]);
    await before.alarm.start();
    for (const celsius of [5, 9]) await before.read(celsius);
    before.alarm.stop();
    const same = start(states, clock, [fridge]);
    await same.alarm.start();
    expect(same.alerts).toEqual([]);
    expect(same.alarm.open).toHaveLength(1);
    same.alarm.stop();
    const other = start(states, clock, [{ ...fridge, rules: [{ ...rule, name: 'hot' }] }]);
    await other.alarm.start();
    expect(other.alerts[0]!.summary).toContain('its rule is not in the site file');
  });
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
      const times = timesAt(nowMs);
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
    expect(life(states, 12, 8)[0]).toMatch(/^A: mean temperature \(MKT\) of 24 h is 12.03 °C, above 8 °C\.$/);
    expect(learnedHours(states)).toBeGreaterThan(hours);
    // A new date: what is usual starts anew, what the goods went through does not.
    expect(life(states, 20, 1, '2026-11-21')).toEqual([]);
    expect(learnedHours(states)).toBeLessThan(3);
  });
});
