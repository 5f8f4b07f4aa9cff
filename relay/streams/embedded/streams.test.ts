import { describe, expect, it } from 'vitest';
import { MINUTE } from '../../../core/durations.js';
import { OUT_MS } from '../meaning.js';
import { type Input, type StreamRecord, Streams } from './streams.js';

const START = Date.UTC(2026, 0, 1);
type Timed = Input & { at: number };

/** Arrives a second after it was measured. */
function reading(seq: number, at: number, value: number, more: Record<string, unknown> = {}): Timed {
  const { arrivedMs = at + 1000, partition = 0, ...fields } = more;
  const quantity = (fields.quantity as string) ?? 'temperature';
  const message = {
    clinic: 'c',
    gateway: 'g',
    sensor: 'f',
    quantity,
    value,
    unit: { temperature: 'Cel', humidity: '%RH', contact: '1' }[quantity],
    measured_at: at,
    time_quality: 'synchronised',
    quality: 'good',
    epoch: '00000000000000aa',
    seq: seq + 1,
    backfill: false,
    ...fields,
  };
  const topic = quantity === 'contact' ? ('iot.status' as const) : ('iot.temperature' as const);
  return {
    topic,
    value: JSON.stringify(message),
    arrivedMs: arrivedMs as number,
    partition: partition as number,
    at,
  };
}

function announced(
  sensor: string,
  low: number | null,
  high: number | null,
  at: number,
  more: Record<string, unknown> = {},
): Timed {
  const message = {
    clinic: 'c',
    gateway: 'g',
    sensor,
    name: sensor,
    clinic_name: 'C',
    purpose: 'other',
    every_ms: MINUTE,
    channels: [{ quantity: 'temperature', unit: 'Cel', low, high }],
    announced_at: at,
    epoch: '00000000000000aa',
    seq: 1,
    ...more,
  };
  return { topic: 'iot.sensors', value: JSON.stringify(message), arrivedMs: at, partition: 0, at };
}

const regions = { north: { clinics: ['c', 'd', 'e'] } };

function run(inputs: readonly Timed[], completeSince = 0, until?: number) {
  const rows = new Map<string, Record<string, unknown>>();
  const said: StreamRecord[] = [];
  const out = (record: StreamRecord) => {
    const { topic, key, value } = record;
    said.push(record);
    if (value === '') rows.delete(`${topic} ${key}`);
    else rows.set(`${topic} ${key}`, JSON.parse(value) as Record<string, unknown>);
  };
  const streams = new Streams({ reorder: {}, regions }, out, completeSince);
  for (const input of inputs) streams.take(input);
  if (until !== undefined)
    streams.take(reading(9_999_999, until, 5, { sensor: 'end', gateway: 'end', clinic: 'end' }));
  const of = (topic: string) =>
    [...rows].filter(([key]) => key.startsWith(topic) && !key.includes(' end/')).map(([, row]) => row);
  return { streams, said, of, aggregates: of('agg.sensor.5m'), findings: of('stream.findings') };
}
const kindsOf = (inputs: readonly Timed[], until?: number) =>
  run(inputs, 0, until).findings.map(({ kind }) => kind);
const minutes = (
  count: number,
  value: (m: number) => number,
  more: Record<string, unknown> = {},
  first = 1,
) => Array.from({ length: count }, (_, m) => reading(first + m, START + m * MINUTE, value(m), more));

describe('aggregates', () => {
  it('count a repeated reading once, leave bad ones out, and let late ones correct', () => {
    const { aggregates } = run([
      reading(1, START, 4),
      reading(1, START, 4),
      reading(2, START + MINUTE, 99, { quality: 'bad' }),
      reading(3, START + 30 * MINUTE, 5),
      reading(4, START + 2 * MINUTE, 10, { backfill: true, arrivedMs: START + 31 * MINUTE }),
    ]);
    expect(aggregates[0]).toMatchObject({
      since: START,
      count: 2,
      mean: 7,
      seconds_covered: 120,
      seconds_outside: 60,
    });
  });

  it('weigh time outside by what readings speak for, not by how many there are', () => {
    const burst = Array.from({ length: 20 }, (_, i) => reading(10 + i, START + 2 * MINUTE + i * 1000, 12));
    const calm = [0, 1, 3, 4].map((m) => reading(m, START + m * MINUTE, 5));
    expect(run([...calm, ...burst]).aggregates[0]).toMatchObject({
      count: 24,
      seconds_covered: 300,
      seconds_outside: 60,
    });
    expect(run([reading(1, START, 12)]).aggregates[0]).toMatchObject({
      seconds_covered: 60,
      seconds_outside: 60,
    });
    const slow = [announced('f', 2, 8, START - 1, { every_ms: 600_000 }), reading(1, START + MINUTE, 12)];
    expect(run(slow).aggregates[0]).toMatchObject({ seconds_covered: 300, seconds_outside: 300 });
  });

  it('judge each sensor by its own limits, however late they come, and say which', () => {
    const freezer = minutes(5, () => -20, { sensor: 'freezer' });
    const limits = announced('freezer', -50, -15, START - MINUTE);
    const expected = { low: -50, high: -15, unit: 'Cel', quantity: 'temperature', seconds_outside: 0 };
    expect(run([limits, ...freezer]).aggregates[0]).toMatchObject(expected);
    expect(run(freezer).aggregates[0]).toMatchObject({ low: 2, high: 8, seconds_outside: 300 });
    const late = run([...freezer, limits]);
    expect(late.aggregates[0]).toMatchObject(expected);
    expect(late.of('agg.clinic.5m')[0]).toMatchObject({ sensors: 1, sensors_outside: 0 });
    const taken = { ...limits, value: '' };
    expect(run([limits, taken, ...freezer]).aggregates[0]).toMatchObject(expected);
  });

  it('keep the limits of their time when others are announced later', () => {
    const before = announced('f', 2, 8, START - MINUTE);
    const after = announced('f', -50, -15, START + 10 * MINUTE);
    const { aggregates } = run([before, ...minutes(20, () => 5), after]);
    expect(aggregates.map(({ high, seconds_outside }) => [high, seconds_outside])).toEqual([
      [8, 0],
      [8, 0],
      [-15, 300],
      [-15, 300],
    ]);
  });

  it('have humidity and contacts, each with its unit', () => {
    const door = announced('door', null, 0, START, {
      channels: [{ quantity: 'contact', unit: '1', low: null, high: 0 }],
    });
    const { aggregates } = run([
      door,
      reading(1, START, 55, { quantity: 'humidity' }),
      reading(2, START, 0, { sensor: 'door', quantity: 'contact' }),
      reading(3, START + MINUTE, 1, { sensor: 'door', quantity: 'contact' }),
    ]);
    expect(aggregates).toMatchObject([
      { quantity: 'humidity', unit: '%RH', low: null, high: null, seconds_outside: 0 },
      { quantity: 'contact', unit: '1', high: 0, seconds_outside: 60, max: 1 },
    ]);
  });

  it('leave windows alone that they know in part only, and pass over what is no record', () => {
    const { aggregates, streams } = run([reading(1, START, 4), reading(2, START + 6 * MINUTE, 4)], START + 1);
    expect(aggregates.map(({ since }) => since)).toEqual([START + 5 * MINUTE]);
    expect(streams.late).toBe(1);
    const nonsense = ['hello', '7', 'null', '{}'].map((value) => ({ ...reading(1, START, 4), value }));
    const other = run([...nonsense, reading(1, START, 4)]);
    expect([other.aggregates.length, other.streams.late]).toEqual([1, 4]);
  });
});

describe('sliding windows', () => {
  it('give the last five minutes, every minute, and each window that had a reading', () => {
    const rows = run([
      reading(1, START, 4),
      reading(2, START + 2 * MINUTE, 10),
      reading(3, START + 20 * MINUTE, 5),
      reading(4, START + 40 * MINUTE, 5),
    ]).of('agg.sensor.sliding');
    const shown = rows.map(({ since, count, max }) => [((since as number) - START) / MINUTE, count, max]);
    expect(shown.slice(0, 7)).toEqual([
      [-4, 1, 4],
      [-3, 1, 4],
      [-2, 2, 10],
      [-1, 2, 10],
      [0, 2, 10],
      [1, 1, 10],
      [2, 1, 10],
    ]);
    expect(shown.slice(7).map(([since]) => since)).toEqual([16, 17, 18, 19, 20]);
  });

  it('go on through an idle minute, and are judged anew when limits come late', () => {
    const warm = minutes(10, () => 22, { sensor: 'cabinet' }).filter((_, m) => m !== 4);
    const { of } = run([...warm, announced('cabinet', 15, 30, START - 1)], 0, START + 20 * MINUTE);
    expect(of('agg.sensor.sliding')).toHaveLength(14);
    expect(
      of('agg.sensor.sliding').every(({ high, seconds_outside }) => high === 30 && seconds_outside === 0),
    ).toBe(true);
    expect(of('agg.clinic.sliding').every(({ sensors_outside }) => sensors_outside === 0)).toBe(true);
  });
});

describe('several units out', () => {
  const hot = (sensor: string, first: number, count = 3, clinic = 'c') =>
    minutes(count, () => 9, { sensor, clinic }, first);

  it('are told with the reading that makes it two minutes, and taken back when a late one shows otherwise', () => {
    const two = [...hot('f1', 1), ...hot('f2', 11)];
    expect(kindsOf(two.slice(0, -1))).toEqual([]);
    expect(kindsOf(two)).toEqual(['several_out']);
    const relief = reading(20, START + 90_000, 5, { sensor: 'f2', backfill: true });
    expect(kindsOf([...two, relief])).toEqual([]);
    // Two of the three clinics of the region.
    expect(kindsOf([...two, ...hot('f9', 31, 3, 'd')])).toEqual(['several_out', 'region_out']);
    expect(kindsOf([...two, ...hot('f9', 31, 3, 'd'), relief])).toEqual(['region_out']);
  });

  it('whenever in the clock’s five minutes it begins', () => {
    for (let begin = 0; begin < 5; begin++) {
      const unit = (sensor: string, first: number) =>
        minutes(begin + 3, (m) => (m < begin ? 5 : 9), { sensor }, first);
      expect(kindsOf([...unit('f1', 1), ...unit('f2', 100)])).toEqual(['several_out']);
    }
    expect(OUT_MS).toBeLessThanOrEqual(120_000);
  });

  it('are said once for as long as nothing changes', () => {
    const { said } = run([...hot('f1', 1, 20), ...hot('f2', 101, 20), ...hot('f1', 1, 20)]);
    const findings = said.filter(({ topic }) => topic === 'stream.findings');
    expect(new Set(findings.map(({ key }) => key)).size).toBe(findings.length);
    expect(findings.every(({ value }) => value !== '')).toBe(true);
  });

  it('are not freezers and cabinets that are as they should be', () => {
    const freezers = ['a', 'b'].flatMap((sensor, i) => [
      announced(sensor, -50, -15, START - 1),
      ...minutes(10, () => -20, { sensor }, 1 + i * 100),
    ]);
    expect(kindsOf(freezers)).toEqual([]);
    const warm = ['a', 'b'].flatMap((sensor, i) =>
      minutes(10, () => -5, { sensor }, 500 + i * 100).slice(0, 3),
    );
    expect(kindsOf([...freezers.slice(0, 1), ...freezers.slice(11, 12), ...warm])).toEqual(['several_out']);
  });

  it('are not what other limits, announced later, would have made of it', () => {
    const fridges = ['a', 'b'].flatMap((sensor, i) => [
      announced(sensor, 2, 8, START - 1),
      ...minutes(10, () => 5, { sensor }, 1 + i * 100),
    ]);
    const freezers = ['a', 'b'].map((sensor) => announced(sensor, -50, -15, START + 20 * MINUTE));
    expect(kindsOf([...fridges, ...freezers])).toEqual([]);
  });
});

describe('one gateway and the others', () => {
  /** `lag`: how long after it was measured a reading of that gateway comes. */
  const gateway = (name: string, count: number, lag: number, clock = 0) =>
    minutes(count, (m) => 4 + m * 0.5, {
      gateway: name,
      sensor: `of-${name}`,
      epoch: `${name}`.padStart(16, '0'),
    }).map((input, m) => {
      const message = JSON.parse(input.value) as { measured_at: number };
      const arrivedMs = START + m * MINUTE + lag;
      return {
        ...input,
        arrivedMs,
        value: JSON.stringify({ ...message, measured_at: message.measured_at + clock }),
      };
    });
  const together = (...all: Timed[][]) => all.flat().sort((a, b) => a.arrivedMs - b.arrivedMs);

  it.each([
    ['a clock a day ahead', gateway('bb', 40, 1000, 86_400_000)],
    ['a clock an hour behind', gateway('bb', 40, 1000, -3_600_000)],
    ['an uplink of two minutes', gateway('bb', 40, 120_000)],
    ['an agent’s own wait', gateway('bb', 40, 31_000)],
  ])('%s removes nothing of a healthy one', (_what, other) => {
    const alone = run(gateway('aa', 40, 1000), 0, START + 50 * MINUTE);
    const beside = run(together(gateway('aa', 40, 1000), other), 0, START + 50 * MINUTE);
    expect(beside.streams.late).toBe(0);
    const mine = ({ of }: ReturnType<typeof run>) =>
      [...of('agg.sensor.sliding'), ...of('stream.findings')].filter(
        ({ sensor, subject }) => sensor === 'of-aa' || subject === 'of-aa' || subject === 'aa',
      );
    expect(mine(beside)).toEqual(mine(alone));
    expect(mine(alone).length).toBeGreaterThan(40);
    expect(beside.findings.filter(({ kind }) => kind === 'gateway_silent')).toEqual([]);
  });

  it('silence is of what arrives: a wrong clock, bad readings and history are signs of life', () => {
    const wrong = gateway('bb', 40, 1000, -7_200_000);
    const bad = minutes(40, () => 85, {
      gateway: 'dd',
      sensor: 'bad',
      quality: 'bad',
      epoch: '00000000000000dd',
    });
    expect(kindsOf(together(gateway('aa', 40, 1000), wrong, bad), START + 41 * MINUTE)).not.toContain(
      'gateway_silent',
    );
  });

  it('one that falls silent is told, and once when it is back, by minutes', () => {
    const silent = gateway('bb', 60, 1000).filter((_, m) => m < 3 || m >= 40);
    const { findings } = run(together(gateway('aa', 60, 1000), silent), 0, START + 61 * MINUTE);
    expect(findings.filter(({ subject }) => subject === 'bb')).toEqual([
      {
        kind: 'gateway_silent',
        clinic: 'c',
        subject: 'bb',
        at: START + 2 * MINUTE,
        value: 15,
        threshold: 15,
        unit: 'min',
      },
      {
        kind: 'gateway_back',
        clinic: 'c',
        subject: 'bb',
        at: START + 40 * MINUTE,
        value: 38,
        threshold: 15,
        unit: 'min',
      },
    ]);
  });

  it('all of them silent is told by the clock', () => {
    const said: string[] = [];
    let now = START;
    const streams = new Streams(
      { reorder: {}, regions },
      ({ key }) => said.push(key),
      0,
      () => now,
    );
    for (const input of gateway('aa', 3, 1000)) streams.take(input);
    now = START + 30 * MINUTE;
    streams.pass(now);
    expect(said.filter((key) => key.includes('gateway_silent'))).toHaveLength(1);
  });
});

describe('scores and patterns', () => {
  it('find a steady rise once an episode, and none in what was brought back or is too small', () => {
    const rise = (step: number, more: Record<string, unknown> = {}) => minutes(30, (m) => 4 + m * step, more);
    const rising = (inputs: Timed[]) =>
      kindsOf(inputs, START + 60 * MINUTE).filter((k) => k === 'rising').length;
    expect(rising(rise(0.3))).toBe(1);
    expect(rising(rise(0.05))).toBe(0);
    expect(rising(rise(0.3, { backfill: true }))).toBe(0);
    const mixed = rise(0.3);
    [mixed[2], mixed[3]] = [mixed[3]!, mixed[2]!];
    expect(rising(mixed.map((input, i) => ({ ...input, arrivedMs: START + i * MINUTE + 30_000 })))).toBe(1);
  });

  it('are silent about a calm fridge whose compressor cycles, for a day', () => {
    let seed = 1;
    const noise = () => {
      seed = (seed * 16_807) % 2_147_483_647;
      return (seed / 2_147_483_647 - 0.5) * 0.2;
    };
    const calm = minutes(1440, (m) => Math.round((4.5 + 0.8 * Math.sin(m / 6) + noise()) * 16) / 16);
    expect(kindsOf(calm, START + 1442 * MINUTE)).toEqual([]);
  });

  it('tell a leap once, though it lasts', () => {
    const leap = minutes(60, (m) => (m < 30 ? 4 + (m % 2) * 0.1 : 9));
    expect(kindsOf(leap, START + 62 * MINUTE)).toEqual(['zscore']);
  });
});
