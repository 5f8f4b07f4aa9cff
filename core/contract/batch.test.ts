import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packQuality } from '../quality.js';
import { type Batch, decodeBatch, encodeBatch, type ReadingRow } from './batch.js';

const HEAD = { clinic: 'c', gateway: 'g', epoch: '00112233aabbccdd', backfill: false };

const row = fc.record<ReadingRow>({
  sensor: fc.constantFrom('fridge-1', 'fridge-2', 'cabinet'),
  quantity: fc.constantFrom('temperature', 'humidity', 'contact'),
  measuredAt: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  estimated: fc.boolean(),
  milli: fc.integer({ min: -200_000, max: 200_000 }),
  quality: fc.constantFrom(0, packQuality('bad', 'sentinel'), packQuality('suspect')),
});

const overTheWire = (batch: Batch) => decodeBatch(JSON.parse(JSON.stringify(encodeBatch(batch))));
const sample = (): Batch => ({
  ...HEAD,
  from: 5,
  to: 6,
  stream: 'readings',
  rows: [
    { sensor: 'a', quantity: 'temperature', measuredAt: 1000, estimated: false, milli: 4210, quality: 0 },
    { sensor: 'a', quantity: 'temperature', measuredAt: 61_000, estimated: false, milli: 4310, quality: 0 },
  ],
});

describe('batches on the wire', () => {
  it('come back as they were, whatever the rows', () => {
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 50 }), (rows) => {
        const batch: Batch = { ...HEAD, from: 7, to: 6 + rows.length, stream: 'readings', rows };
        expect(overTheWire(batch)).toEqual({ ok: true, batch });
      }),
    );
  });

  it('cost one zero a row for a steady cadence', () => {
    const rows = Array.from({ length: 100 }, (_, i) => ({
      ...(sample().rows[0] as ReadingRow),
      measuredAt: 1_000_000 + i * 60_000,
    }));
    const wire = encodeBatch({ ...HEAD, from: 1, to: 100, stream: 'readings', rows });
    expect(wire.stream === 'readings' && wire.t.slice(0, 4)).toEqual([0, 60_000, 0, 0]);
    expect(wire.stream === 'readings' && wire.m.slice(1)).toEqual(Array(99).fill(0));
  });

  it('carry what was kept before its bounds were known at the bound, as bad, or as of an estimated time', () => {
    const [first] = sample().rows as ReadingRow[];
    const rows = [
      { ...first!, milli: 1e303 },
      { ...first!, milli: -4e12 },
      { ...first!, measuredAt: -5 },
      { ...first!, measuredAt: 9e15 },
      first!,
    ];
    const wired = overTheWire({ ...HEAD, from: 1, to: rows.length, stream: 'readings', rows });
    const taken = wired.ok ? (wired.batch.rows as ReadingRow[]) : [];
    const bad = packQuality('bad', 'out_of_range');
    expect(taken.map(({ milli, quality, estimated }) => [milli, quality, estimated])).toEqual([
      [1e9, bad, false],
      [-1e9, bad, false],
      [4210, 0, true],
      [4210, 0, true],
      [4210, 0, false],
    ]);
  });

  it.each([
    ['an unknown version', { v: 2 }, 'v'],
    ['a range that is not the rows', { to: 9 }, 'to'],
    ['a channel that does not exist', { c: [0, 1] }, 'c[1]'],
    ['columns of different length', { m: [1] }, 'm'],
    ['a time beyond sense', { t: [0, 9e15] }, 't[1]'],
    ['a fraction', { m: [1, 0.5] }, 'm[1]'],
    ['a quality nobody knows', { q: [[0, 4000]] }, 'q[0][1]'],
    ['a quality of no row', { q: [[2, 2]] }, 'q[0][0]'],
    [
      'overlapping runs',
      {
        e: [
          [0, 1],
          [1, 1],
        ],
      },
      'e[1]',
    ],
    ['a field nobody knows', { extra: 1 }, 'extra'],
    ['a sensor that is no id', { channels: [['Fridge 1', 'temperature']] }, 'channels[0][0]'],
  ])('are refused whole, with the path: %s', (_what, change, path) => {
    const decoded = decodeBatch({ ...encodeBatch(sample()), ...change });
    expect(decoded.ok).toBe(false);
    expect(decoded.ok ? [] : decoded.problems.map((p) => p.path)).toContain(path);
  });

  it('never throw on anything that JSON can say', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(decodeBatch(value).ok).toBe(false);
      }),
    );
  });
});
