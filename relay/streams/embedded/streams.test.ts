import { describe, expect, it } from 'vitest';
import { InOrder } from './order.js';
import { type StreamRecord, Streams } from './streams.js';

const MINUTE = 60_000;
const START = Date.UTC(2026, 0, 1);

function reading(seq: number, at: number, value: number, more: object = {}) {
  const message = {
    clinic: 'c',
    gateway: 'g',
    sensor: 'f',
    quantity: 'temperature',
    value,
    unit: 'Cel',
    measured_at: at,
    time_quality: 'synchronised',
    quality: 'good',
    epoch: '00000000000000aa',
    seq: seq + 1,
    backfill: false,
    ...more,
  };
  return { topic: 'iot.temperature' as const, value: JSON.stringify(message) };
}

/** The last record of each key. */
const regions = { north: { clinics: ['c', 'd', 'e'] } };

function run(inputs: ReturnType<typeof reading>[], now = Number.POSITIVE_INFINITY, completeSince = 0) {
  const rows = new Map<string, Record<string, unknown>>();
  const out = ({ topic, key, value }: StreamRecord) => {
    if (value === '') rows.delete(`${topic} ${key}`);
    else rows.set(`${topic} ${key}`, JSON.parse(value) as Record<string, unknown>);
  };
  const streams = new Streams({ reorder: {}, regions }, out, completeSince, () => now);
  for (const input of inputs) streams.take(input);
  const of = (topic: string) => [...rows].filter(([key]) => key.startsWith(topic)).map(([, row]) => row);
  return { streams, of, aggregates: of('agg.sensor.5m'), findings: of('stream.findings') };
}

describe('the relay’s own streams', () => {
  it('count a repeated reading once, leave bad ones out, and let late ones correct', () => {
    const { aggregates } = run([
      reading(1, START, 4),
      reading(1, START, 4),
      reading(2, START + MINUTE, 99, { quality: 'bad' }),
      reading(3, START + 30 * MINUTE, 5),
      reading(4, START + 2 * MINUTE, 10, { backfill: true }),
    ]);
    expect(aggregates[0]).toMatchObject({ since: START, count: 2, mean: 7, seconds_outside: 150 });
  });

  it('find a steady rise in mixed order, once, and none in what was brought back', () => {
    const rise = (more: object) =>
      Array.from({ length: 8 }, (_, m) => reading(m, START + m * MINUTE, 4 + m / 10, more));
    const end = reading(99, START + 60 * MINUTE, 4, { sensor: 'other' });
    const mixed = rise({});
    [mixed[2], mixed[3]] = [mixed[3]!, mixed[2]!];
    const rising = (inputs: ReturnType<typeof reading>[]) =>
      run(inputs).findings.filter(({ kind }) => kind === 'rising').length;
    expect(rising([...rise({}), end])).toBe(2);
    // A minute late is later than five seconds: a gap in the rise, and a late row that is counted.
    expect(rising([...mixed, end])).toBeLessThanOrEqual(2);
    expect(run([...mixed, end]).streams.late).toBe(1);
    expect(rising([...rise({ backfill: true }), end])).toBe(0);
  });

  it('say which gateway fell silent while another went on, and when it was last heard', () => {
    const of = (gateway: string, minutes: number[]) =>
      minutes.map((m) => reading(m, START + m * MINUTE, 5, { gateway, sensor: `of-${gateway}` }));
    const both = [
      ...of('a', [0, 1, 2, 40]),
      ...of(
        'b',
        Array.from({ length: 41 }, (_, m) => m),
      ),
    ];
    const { findings } = run(
      both.sort(
        (x, y) =>
          (JSON.parse(x.value) as { measured_at: number }).measured_at -
          (JSON.parse(y.value) as { measured_at: number }).measured_at,
      ),
    );
    expect(findings.filter(({ kind }) => kind === 'gateway_silent')).toEqual([
      { kind: 'gateway_silent', clinic: 'c', subject: 'a', at: START + 2 * MINUTE, value: 15, threshold: 15 },
    ]);
    // The watermark of the last rows has not come past them.
    const later = run([...both, ...of('b', [60])]).findings;
    expect(later.filter(({ kind }) => kind === 'gateway_back')).toEqual([
      { kind: 'gateway_back', clinic: 'c', subject: 'a', at: START + 40 * MINUTE, value: 38, threshold: 15 },
    ]);
  });

  it('say that several units are out, and take it back when a late reading shows otherwise', () => {
    const hot = (sensor: string, first: number, clinic = 'c') =>
      [0, 1, 2].map((m) => reading(first + m, START + m * MINUTE, 9, { sensor, clinic }));
    const two = [...hot('f1', 1), ...hot('f2', 11)];
    const kinds = (inputs: ReturnType<typeof reading>[]) => run(inputs).findings.map(({ kind }) => kind);
    expect(kinds(two.slice(0, -1))).toEqual([]);
    expect(kinds(two)).toEqual(['several_out']);
    const relief = reading(20, START + 3 * MINUTE, 5, { sensor: 'f2', backfill: true });
    expect(kinds([...two, relief])).toEqual([]);
    // Two of the three clinics of the region.
    expect(kinds([...two, ...hot('f9', 31, 'd')])).toEqual(['several_out', 'region_out']);
    expect(run([...two, ...hot('f9', 31, 'd'), relief]).findings.map(({ kind }) => kind)).toEqual([
      'region_out',
    ]);
  });

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

  it('are not carried away by a clock that runs ahead', () => {
    const ahead = reading(50, START + 86_400_000, 4, { sensor: 'wrong' });
    const rise = Array.from({ length: 8 }, (_, m) => reading(m, START + m * MINUTE, 4 + m / 10));
    const { findings, streams } = run(
      [ahead, ...rise, reading(99, START + 9 * MINUTE, 4)],
      START + 9 * MINUTE,
    );
    expect(findings.filter(({ kind }) => kind === 'rising')).not.toEqual([]);
    expect(streams.late).toBe(1);
  });

  it('pass over what is no record', () => {
    const nonsense = ['', 'hello', '7', 'null'].map((value) => ({
      topic: 'iot.temperature' as const,
      value,
    }));
    const { aggregates, streams } = run([...nonsense, reading(1, START, 4)]);
    expect([aggregates.length, streams.late]).toEqual([1, 4]);
  });

  it('leave windows alone that they know in part only', () => {
    const { aggregates, streams } = run(
      [reading(1, START, 4), reading(2, START + 6 * MINUTE, 4)],
      START,
      START + 1,
    );
    expect(aggregates.map(({ since }) => since)).toEqual([START + 5 * MINUTE]);
    expect(streams.late).toBe(1);
  });
});

it('rows wait five seconds for earlier ones', () => {
  const seen: number[] = [];
  const order = new InOrder<{ at: number }>(({ at }) => seen.push(at));
  for (const at of [1000, 4000, 2000, 9000, 8000, 3000, 20_000]) order.take({ at });
  expect(seen).toEqual([1000, 2000, 4000, 8000, 9000]);
  expect(order.late).toBe(1);
});
