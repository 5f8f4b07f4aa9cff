import { describe, expect, it } from 'vitest';
import { Alarm } from '../../agent/alarm/alarm.js';
import type { AlarmSensor } from '../../agent/alarm/state.js';
import type { Ring } from '../../agent/ring/port.js';
import { alarmSensors } from '../../agent/site/alarm-sensors.js';
import { deviceConfigs, openLibrary } from '../../agent/site/library.js';
import { resolveSite } from '../../agent/site/resolve.js';
import { siteSchema } from '../../agent/site/schema.js';
import { SimulatedClock } from '../../core/clock/simulated.js';
import type { AlertBody, RingEvent } from '../../core/contract/messages.js';
import { HOUR, MINUTE } from '../../core/durations.js';
import { policySchema } from '../../core/policy/local.js';
import { timesAt } from '../../core/reading.js';

const SECOND = 1000;
const { library } = openLibrary(deviceConfigs());

/** A sensor through the agent's own alarm, as the site file would have it; time is told. */
class Watched {
  readonly alerts: (AlertBody & { atMs: number })[] = [];
  readonly alarm: Alarm;
  nowMs = 0;
  #seq = 0;
  #ticked = 0;
  #noise = 1;
  readonly sensor: AlarmSensor;

  constructor(sensor: AlarmSensor, states = new Map<string, unknown>()) {
    this.sensor = sensor;
    const ring = {
      epoch: '0'.repeat(16),
      head: () => this.alerts.length,
      timeline: () => this.nowMs,
      loadState: (name: string) => states.get(name),
      saveState: (name: string, state: unknown) => states.set(name, structuredClone(state)),
      appendEvent: (event: RingEvent) =>
        event.type === 'alert' ? this.alerts.push({ ...event.alert, atMs: this.nowMs }) : 0,
    } as unknown as Ring;
    const clock = new SimulatedClock();
    const policy = policySchema.parse({});
    this.alarm = new Alarm({ gateway: 'g', sensors: [sensor], policy, ring, clock, annunciate: () => {} });
  }

  /** 0 to 1, the same in each run. */
  random(): number {
    this.#noise = (this.#noise * 48_271) % 2_147_483_647;
    return this.#noise / 2_147_483_647;
  }

  wait(ms: number): this {
    const end = this.nowMs + ms;
    while (this.#ticked + 30 * SECOND <= end) {
      this.#ticked += 30 * SECOND;
      this.nowMs = Math.max(this.nowMs, this.#ticked);
      this.alarm.tick();
    }
    this.nowMs = end;
    return this;
  }

  read(celsius: number, quality: 'good' | 'bad' = 'good'): this {
    const times = timesAt(this.nowMs);
    const value = { quantity: 'temperature' as const, milli: Math.round(celsius * 1000), quality };
    const reason = quality === 'bad' ? { reason: 'too_fast' as const } : {};
    this.alarm.reading({ sensor: this.sensor.id, ...value, ...reason, ...times }, ++this.#seq);
    return this;
  }

  /** Reports each `everyMs`, a tenth early or late; every twentieth is lost on the air. */
  reports(everyMs: number, forMs: number, celsius = () => 4.5 + this.random()): this {
    const end = this.nowMs + forMs;
    for (let i = 1; this.nowMs < end; i++) {
      this.wait(Math.round(everyMs * (0.9 + 0.2 * this.random())));
      if (i % 20 !== 0) this.read(celsius());
    }
    return this;
  }

  get raised(): string[] {
    return this.alerts.filter(({ state }) => state === 'raised').map(({ alert_type }) => alert_type);
  }
}

const rules = library.presets.get('refrigerator-2-8')!.rules;
const sensor = (everyMs?: number): AlarmSensor => ({ id: 'a', name: 'Fridge', rules, everyMs });
const CADENCES: [string, number][] = [
  ['10 s', 10 * SECOND],
  ['1 min', MINUTE],
  ['5 min', 5 * MINUTE],
  ['15 min', 15 * MINUTE],
  ['30 min', 30 * MINUTE],
  ['60 min', 60 * MINUTE],
];
const DECLARED = [true, false];

describe.each(CADENCES)('a fridge whose sensor reports each %s', (_name, everyMs) => {
  it.each(DECLARED)(
    'is not called silent while it reports, and is once it does not (declared: %s)',
    (declared) => {
      const watched = new Watched(sensor(declared ? everyMs : undefined));
      watched.reports(everyMs, Math.max(2 * HOUR, 30 * everyMs));
      expect(watched.raised.filter((type) => type !== 'pre_alarm')).toEqual([]);
      const last = watched.nowMs;
      watched.wait(6 * HOUR);
      expect(watched.raised.at(-1)).toBe('communication_lost');
      const after = watched.alerts.at(-1)!.atMs - last;
      expect(after).toBeGreaterThan(Math.max(8 * MINUTE, 1.3 * everyMs));
      expect(after).toBeLessThan(Math.max(11 * MINUTE, 3 * everyMs));
    },
  );

  it('alarms when it is too warm, within the rule’s own patience and two reports', () => {
    const watched = new Watched(sensor(everyMs));
    watched.reports(everyMs, 10 * everyMs);
    const warm = watched.nowMs;
    watched.reports(everyMs, 3 * HOUR, () => 12 + watched.random());
    const first = watched.alerts.find(({ alert_type }) => alert_type === 'excursion')!;
    expect(first.atMs - warm).toBeLessThan(16 * MINUTE + 2.5 * everyMs);
  });

  it('alarms by a plain limit too, which asks for readings that prove what is between', () => {
    const limit = library.presets.get('cdc-freezer')!.rules;
    const watched = new Watched({ ...sensor(everyMs), rules: limit });
    watched.reports(everyMs, 10 * everyMs, () => -20);
    const warm = watched.nowMs;
    watched.reports(everyMs, 5 * HOUR, () => -12);
    const first = watched.alerts.find(({ alert_type }) => alert_type === 'excursion');
    expect(first!.atMs - warm).toBeLessThan(75 * MINUTE + 2.5 * everyMs);
  });

  it('takes one bad value for no fault, and bad values alone for one', () => {
    const watched = new Watched(sensor(everyMs));
    watched.reports(everyMs, 3 * everyMs);
    watched.wait(everyMs).read(85, 'bad');
    watched.reports(everyMs, 3 * everyMs);
    expect(watched.raised).toEqual([]);
    for (let i = 0; i < 40 && watched.raised.length === 0; i++) watched.wait(everyMs).read(85, 'bad');
    expect(watched.raised).toEqual(['sensor_fault']);
  });
});

it.each([...library.models.keys()])(
  '%s is not called silent at the cadence that its model declares',
  (name) => {
    const model = library.models.get(name)!;
    const watched = new Watched(sensor(model.every));
    watched.reports(model.every, Math.max(2 * HOUR, 20 * model.every));
    expect(watched.raised.filter((type) => type === 'communication_lost' || type === 'sensor_fault')).toEqual(
      [],
    );
  },
);

describe('what is learned of a cadence', () => {
  it('is not shrunk by a burst: a logger that sends its hour at once, a fridge that is being opened', () => {
    const watched = new Watched(sensor());
    watched.reports(HOUR, 12 * HOUR);
    watched.reports(10 * SECOND, 20 * MINUTE);
    for (let i = 0; i < 100; i++) watched.wait(SECOND).read(5);
    expect(watched.alarm.cadence(watched.sensor)).toBeGreaterThan(50 * MINUTE);
    watched.reports(HOUR, 5 * HOUR);
    expect(watched.raised).not.toContain('communication_lost');
  });

  it('follows a logger that is set slower or faster, and an outage teaches nothing', () => {
    const watched = new Watched(sensor());
    watched.reports(MINUTE, HOUR);
    watched.wait(110 * MINUTE);
    watched.reports(MINUTE, HOUR);
    expect(watched.alarm.cadence(watched.sensor)).toBeLessThan(1.2 * MINUTE);
    watched.reports(15 * MINUTE, 2 * HOUR);
    expect(watched.alarm.cadence(watched.sensor)).toBeGreaterThan(13 * MINUTE);
    const before = watched.raised.length;
    watched.reports(15 * MINUTE, 5 * HOUR);
    expect(watched.raised.length).toBe(before);
    watched.reports(MINUTE, 4 * HOUR);
    expect(watched.alarm.cadence(watched.sensor)).toBeLessThan(2 * MINUTE);
  });

  it('never makes a sensor that is declared slow a fast one, and one that is declared fast may prove slow', () => {
    const slow = new Watched(sensor(HOUR));
    slow.reports(MINUTE, 3 * HOUR).wait(70 * MINUTE);
    expect(slow.raised).not.toContain('communication_lost');
    const fast = new Watched(sensor(MINUTE));
    fast.reports(30 * MINUTE, 12 * HOUR);
    const before = fast.raised.length;
    fast.reports(30 * MINUTE, 12 * HOUR);
    expect(fast.raised.length).toBe(before);
  });

  it('outlives a restart, and is bounded', () => {
    const states = new Map<string, unknown>();
    const before = new Watched(sensor(), states);
    before.reports(30 * MINUTE, 12 * HOUR);
    before.alarm.stop();
    const after = new Watched(sensor(), states);
    expect(after.alarm.cadence(after.sensor)).toBe(before.alarm.cadence(before.sensor));
    before.reports(10 * HOUR, 400 * HOUR);
    expect(before.alarm.cadence(before.sensor)).toBeLessThan(HOUR);
  });
});

describe('rules that need more readings than come', () => {
  it('sleep, and say so', () => {
    const names = (everyMs?: number) => new Watched(sensor(everyMs)).alarm.asleep(sensor(everyMs));
    expect(names(MINUTE)).toEqual([]);
    expect(names(5 * MINUTE)).toEqual([]);
    expect(names(15 * MINUTE)).toContain('heading-warm');
    expect(names(15 * MINUTE)).not.toContain('warm');
    const watched = new Watched(sensor());
    watched.reports(15 * MINUTE, 3 * HOUR);
    expect(watched.alarm.asleep(watched.sensor)).toContain('frozen');
  });

  it('raise nothing: a frozen value each 15 minutes is none', () => {
    const watched = new Watched(sensor(15 * MINUTE));
    watched.reports(15 * MINUTE, 72 * HOUR);
    watched.reports(15 * MINUTE, 6 * HOUR, () => 5);
    expect(watched.raised).toEqual([]);
  });
});

it('a site’s sensor has the cadence of its model, unless the file names one', () => {
  const source = { kind: 'mqtt', topic: 'zigbee2mqtt/a' };
  const site = siteSchema.parse({
    ...{ clinic: { id: 'c', name: 'C' }, gateway: 'g', data: '/tmp/x' },
    sensors: [
      { id: 'a', model: 'aqara/wsdcgq11lm', source },
      { id: 'b', model: 'aqara/wsdcgq11lm', every: '5m', source: { ...source, topic: 'zigbee2mqtt/b' } },
      {
        id: 'c',
        source: {
          ...{ kind: 'mqtt', topic: 'x' },
          values: [{ quantity: 'temperature', unit: 'Cel', path: 't' }],
        },
      },
    ],
  });
  const resolved = resolveSite(site, library);
  if (!('site' in resolved)) throw new Error(JSON.stringify(resolved.problems));
  expect(alarmSensors(resolved.site).map(({ everyMs }) => everyMs)).toEqual([HOUR, 5 * MINUTE, undefined]);
});
