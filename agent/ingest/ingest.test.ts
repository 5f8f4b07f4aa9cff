import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../core/clock/simulated.js';
import type { Reading } from '../../core/reading.js';
import type { RawSample } from '../drivers/driver.js';
import { Board, UNKNOWN_MAX } from './board.js';
import { Ingest } from './ingest.js';

function world() {
  const clock = new SimulatedClock();
  const board = new Board([{ id: 'a', name: 'A' }]);
  const readings: Reading[] = [];
  const failures: string[] = [];
  const limits = new Map([
    [
      'a',
      {
        sentinels: [{ quantity: 'temperature', value: -127, reason: 'sentinel' } as const],
        range: { temperature: [-55, 125] as const },
      },
    ],
  ]);
  const ingest = new Ingest(limits, clock, () => clock.mono(), board, {
    readings: (list) => void readings.push(...list),
    failure: (_sensor, reason) => void failures.push(reason),
  });
  const take = (sample: Partial<RawSample>, receipt?: () => void) =>
    ingest.payload(
      'a',
      { samples: [{ quantity: 'temperature', unit: 'Cel', value: 5, ...sample }], problems: [] },
      receipt,
    );
  return { board, readings, failures, ingest, take };
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

  it('takes each time of a device once', () => {
    const { take, readings } = world();
    for (const deviceMs of [1000, 1000, 2000]) take({ deviceMs });
    expect(readings.map((r) => r.atMs)).toEqual([1000, 2000]);
  });

  it('refuses a unit that cannot be of the quantity, and a value that is no number', () => {
    const { take, readings, board } = world();
    take({ unit: '%RH' });
    take({ value: Number.NaN });
    expect(readings).toEqual([]);
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
});
