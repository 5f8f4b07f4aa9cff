import { describe, expect, it } from 'vitest';
import { asTimeline } from '../../core/clock/clock.js';
import { SimulatedClock } from '../../core/clock/simulated.js';
import type { Reading } from '../../core/reading.js';
import { MILLI_MAX } from '../../core/units.js';
import type { RawSample } from '../drivers/driver.js';
import { Board, UNKNOWN_MAX } from './board.js';
import type { Calibration } from './calibration.js';
import { DeviceTimes } from './device-times.js';
import type { Identities } from './identity.js';
import { IdentityBook } from './identity.js';
import { Ingest, type InputChecks } from './ingest.js';

function world(
  over: Partial<InputChecks> = {},
  devices: [string, string | undefined][] = [
    ['a', undefined],
    ['b', undefined],
  ],
) {
  const clock = new SimulatedClock();
  const board = new Board([{ id: 'a', name: 'A' }]);
  const readings: Reading[] = [];
  const failures: string[] = [];
  const validity = {
    sentinels: [{ quantity: 'temperature', value: -127, reason: 'sentinel' } as const],
    range: { temperature: [-55, 125] as const },
  };
  const saved: Identities[] = [];
  const checks: InputChecks = {
    validity,
    calibration: undefined,
    plausible: () => ({ maxPerMinute: 20_000, stuckMs: 3_600_000 }),
    repeatMs: 0,
    ...over,
  };
  const identities = new IdentityBook({}, new Map(devices), (known) => void saved.push({ ...known }));
  const strangers: string[] = [];
  const ring = { loadState: () => undefined, saveState: () => {}, replay: async () => [], head: () => 0 };
  const ingest = new Ingest(
    {
      checks: new Map(['a', 'b'].map((id) => [id, checks])),
      clock,
      timeline: () => asTimeline(clock.mono()),
      board,
      identities,
      times: new DeviceTimes(ring),
    },
    {
      readings: (list) => void readings.push(...list),
      failure: (_sensor, reason) => void failures.push(reason),
      identity: (sensor, device, other) =>
        void strangers.push(
          `${sensor} ${device} ${other ? `not ${other.expected}, was ${other.formerly}` : 'right'}`,
        ),
    },
  );
  const take = (sample: Partial<RawSample>, receipt?: () => void) =>
    ingest.payload(
      'a',
      { samples: [{ quantity: 'temperature', unit: 'Cel', value: 5, ...sample }], problems: [] },
      receipt,
    );
  return { clock, board, readings, failures, ingest, take, strangers, saved };
}

describe('the door of the agent', () => {
  it.each([
    [{ value: 5 }, 'good', undefined],
    [{ value: -127 }, 'bad', 'sentinel'],
    [{ value: 200 }, 'bad', 'out_of_range'],
    [{ value: 85, fault: 'power_on_value' as const }, 'bad', 'power_on_value'],
    [{ value: 41, unit: 'F' as const }, 'good', undefined],
  ])('judges %j', (sample, quality, reason) => {
    const { take, readings } = world();
    take(sample);
    expect([readings[0]!.quality, readings[0]!.reason]).toEqual([quality, reason]);
  });

  it.each([
    [{ value: 2_000_000 }, MILLI_MAX],
    [{ value: 1e300 }, MILLI_MAX],
    [{ value: Number.MAX_VALUE }, MILLI_MAX],
    [{ value: -3.4e38 }, -MILLI_MAX],
    [{ value: 9e15, unit: 'F' as const }, MILLI_MAX],
    [{ value: Number.POSITIVE_INFINITY }, MILLI_MAX],
  ])('keeps %j as bad, within what every stage can carry, whatever range the model has', (sample, milli) => {
    const { take, readings } = world({
      validity: { sentinels: [], range: { temperature: [-1e308, 1e308] } },
    });
    take(sample);
    expect(readings[0]).toMatchObject({ milli, quality: 'bad', reason: 'out_of_range' });
  });

  it('does not believe what a certificate makes of a value when nothing can be so', () => {
    const points = [
      { reads: 0, true: 0 },
      { reads: 1, true: 1_000_000 },
    ];
    const { take, readings } = world({ calibration: { points } as unknown as Calibration });
    take({ value: 5 });
    expect(readings[0]).toMatchObject({ milli: MILLI_MAX, quality: 'bad', reason: 'out_of_range' });
  });

  it('takes each time of a device once', () => {
    const { take, readings } = world();
    const at = Date.UTC(2025, 5, 1);
    for (const deviceMs of [at, at, at + 1]) take({ deviceMs });
    expect(readings.map((r) => r.atMs)).toEqual([at, at + 1]);
  });

  it.each([
    ['of a clock that was never set', 5000],
    ['that 32 bits can hold', 0xffffffff * 1000],
    ['of a wrong zone', Date.UTC(2026, 0, 1) + 3 * 3_600_000],
    ['beyond any calendar', 1e300],
  ])('takes a reading with a time %s as of now, says so, and does not call it good', (_what, deviceMs) => {
    const { take, readings, board } = world();
    take({ deviceMs });
    expect(readings[0]).toMatchObject({ atMs: 0, milli: 5000, quality: 'suspect', reason: 'device_time' });
    expect(readings[0]).not.toHaveProperty('deviceMs');
    expect(board.sensors.get('a')!.lastProblem!.text).toMatch(/set its clock/);
  });

  it('holds a device’s time against a clock only when that is set', () => {
    const { clock, take, readings } = world();
    clock.setWall(Date.UTC(2020, 0, 1), false);
    const deviceMs = Date.UTC(2026, 5, 1);
    take({ deviceMs });
    take({ deviceMs: Date.UTC(2106, 0, 1) });
    expect(readings.map((r) => [r.deviceMs, r.reason])).toEqual([
      [deviceMs, undefined],
      [undefined, 'device_time'],
    ]);
  });

  it('takes what a broker has kept only with a time of its own, and a new one', () => {
    const { ingest, readings, failures } = world();
    const at = Date.UTC(2025, 5, 1);
    const kept = (deviceMs?: number) => {
      const sample = { quantity: 'temperature', unit: 'Cel', value: 5 } as const;
      const samples = [deviceMs === undefined ? sample : { ...sample, deviceMs }];
      ingest.payload('a', { samples, problems: [], retained: true });
    };
    for (const deviceMs of [undefined, at, at + 5, at, at + 5, 5000, at + 9]) kept(deviceMs);
    expect(readings.map((r) => r.atMs)).toEqual([at, at + 5, at + 9]);
    expect(failures).toEqual([]);
  });

  it('refuses a unit that cannot be of the quantity, and a value that is no number', () => {
    const { take, readings, board, failures } = world();
    take({ unit: '%RH' });
    take({ value: Number.NaN });
    expect(readings).toEqual([]);
    expect(failures).toHaveLength(2);
    expect(board.sensors.get('a')!.problems).toBe(2);
  });

  it('confirms at once what leaves nothing to store', () => {
    const { ingest, failures } = world();
    let confirmed = 0;
    ingest.payload('a', { samples: [], problems: ['not JSON'] }, () => confirmed++);
    expect([confirmed, failures]).toEqual([1, ['not JSON']]);
  });

  it('counts strangers, and keeps only so many', () => {
    const { ingest, board } = world();
    for (let i = 0; i < 200; i++) ingest.unknown(`mqtt random/${i}`, '{}');
    ingest.unknown('mqtt random/0', '{}');
    expect([board.unknown.size, board.unknownBeyond, board.unknown.get('mqtt random/0')!.count]).toEqual([
      UNKNOWN_MAX,
      200 - UNKNOWN_MAX,
      2,
    ]);
  });

  it('does not believe one wild value, and believes a step that lasts', async () => {
    const { clock, take, readings } = world();
    const said = [5, 85, 5.1, 60, 60.5, 61];
    for (const value of said) {
      take({ value });
      await clock.advance(60_000);
    }
    expect(readings.map((r) => r.reason ?? r.quality)).toEqual([
      'good',
      'too_fast',
      'good',
      'too_fast',
      'good',
      'good',
    ]);
  });

  it('calls a value that never moves a frozen probe, and takes it again once it moves', async () => {
    const { clock, take, readings } = world();
    for (const value of [5, 5, 5, 5.1]) {
      take({ value });
      await clock.advance(1_800_000);
    }
    expect(readings.map((r) => r.reason ?? r.quality)).toEqual(['good', 'good', 'stuck', 'good']);
  });

  it.each([
    [{ offset: -300 }, 5000, 4700],
    [
      {
        points: [
          { reads: 200, true: 0 },
          { reads: 8100, true: 8000 },
        ],
      },
      8100,
      8000,
    ],
    [
      {
        points: [
          { reads: 200, true: 0 },
          { reads: 8100, true: 8000 },
        ],
      },
      4150,
      4000,
    ],
  ] as const)('corrects by the certificate %j', (calibration, reads, means) => {
    const { take, readings } = world({ calibration: calibration as unknown as Calibration });
    take({ value: reads / 1000 });
    take({ quantity: 'humidity', unit: '%RH', value: 40 });
    expect(readings.map((r) => r.milli)).toEqual([means, 40_000]);
  });

  it('takes what a bridge repeats from its memory once, and confirms the copy', async () => {
    const { clock, take, readings, board } = world({ repeatMs: 300_000 });
    let confirmed = 0;
    take({ value: 5 });
    take({ value: 5 }, () => confirmed++);
    await clock.advance(400_000);
    take({ value: 5 });
    expect([readings.length, board.sensors.get('a')!.repeated, confirmed]).toEqual([2, 1, 1]);
  });

  it('notices probes that change places, says whose they were, and goes on guarding', () => {
    const { ingest, readings, strangers, saved } = world();
    const from = (sensor: string, device: string) =>
      ingest.payload(sensor, {
        samples: [{ quantity: 'temperature', unit: 'Cel', value: 5, device }],
        problems: [],
      });
    from('a', 'AA01');
    from('b', 'BB02');
    from('a', 'bb02');
    from('a', 'aa01');
    from('a', 'aa01');
    // Once for each at first: what was said of it before this start is over then.
    const first = ['a AA01 right', 'b BB02 right'];
    expect(strangers).toEqual([...first, 'a bb02 not aa01, was b', 'a aa01 right']);
    expect(readings.map((r) => r.reason ?? r.quality)).toEqual([
      'good',
      'good',
      'other_device',
      'good',
      'good',
    ]);
    expect(readings[2]!.quality).toBe('suspect');
    expect(saved.at(-1)).toEqual({ a: 'aa01', b: 'bb02' });
  });

  it('refuses a payload of two probes for one sensor', () => {
    const { ingest, readings, failures } = world();
    const sample = { quantity: 'temperature', unit: 'Cel', value: 5 } as const;
    ingest.payload('a', {
      samples: [
        { ...sample, device: 'x' },
        { ...sample, device: 'y' },
      ],
      problems: [],
    });
    expect(readings).toEqual([]);
    expect(failures[0]).toMatch(/several probes \(x, y\)/);
  });
});
