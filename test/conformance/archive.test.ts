import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AlertMessage } from '../../core/contract/messages.js';
import type { FullSensorAggregate } from '../../core/contract/streams.js';
import { QUANTITIES, type Quantity } from '../../core/units.js';
import { cursorOf } from '../../relay/archive/page.js';
import type {
  Archive,
  ArchivedReading,
  Cursors,
  Episode,
  HistoryQuery,
  Kind,
} from '../../relay/archive/port.js';
import { PostgresArchive } from '../../relay/archive/postgres.js';
import { SqliteArchive } from '../../relay/archive/sqlite/sqlite.js';
import type { Position } from '../../relay/log/port.js';
import {
  aggregate,
  aggregatesOf,
  all,
  EPOCH,
  episodesOf,
  nothing,
  pageOf,
  reading,
  readingsOf,
  START,
} from '../world/data/archived.js';
import { type Service, startPostgres, tempFolder } from '../world/run/services.js';

/** One suite, both archives. */
const alert = (state: AlertMessage['state'], at: number, more: Partial<AlertMessage> = {}): AlertMessage => ({
  alert_id: `${EPOCH}-${at}`,
  episode_id: `${EPOCH}-1`,
  alert_type: 'excursion',
  timestamp: new Date(START + at).toISOString(),
  kpi: { name: 'temperature', value: 9, threshold: 8, unit: 'Cel' },
  severity: 'critical',
  state,
  rule: 'warm',
  since: new Date(START).toISOString(),
  sensor: 'fridge-1',
  summary: 'Fridge 1 is at 9 °C.',
  clinic: 'c',
  gateway: 'g',
  epoch: EPOCH,
  seq: 1,
  ...more,
});
const at = (offset: number, partition = 0): Position => ({
  topic: 'iot.temperature',
  partition,
  offset: String(offset),
  arrivedMs: START + offset,
});

/** Every page of it, and how long each was. */
async function pagesOf<T, K extends Kind>(archive: Archive, kind: K, query: Omit<HistoryQuery, 'after'>) {
  const rows: T[] = [];
  const lengths: number[] = [];
  for (let after: Cursors[K] | undefined; ; ) {
    const page = await pageOf<T>(archive, kind, { ...query, after } as HistoryQuery);
    rows.push(...page.rows);
    lengths.push(page.rows.length);
    if (page.next === null) return { rows, lengths };
    after = cursorOf(kind, page.next)!;
  }
}

let postgres: Service & { url: string };
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres?.stop());

describe.each(['sqlite', 'postgres'])('the archive in %s', (kind) => {
  const folder = tempFolder('archive');
  let archive: Archive;
  const open = async (): Promise<Archive> =>
    kind === 'sqlite' ? SqliteArchive.open(folder.path) : PostgresArchive.open(postgres.url, () => {});
  beforeAll(async () => {
    archive = await open();
  });
  afterAll(async () => {
    await archive.close();
    folder.remove();
  });

  it('keeps a reading once, however often it is put away, over months, and finds it by sensor and time', async () => {
    expect(await archive.reached()).toEqual({ generation: 0, positions: [] });
    const readings = Array.from({ length: 72 }, (_, seq) => reading(seq));
    await archive.store({ ...nothing, readings, positions: [at(5), at(9, 1)] }, 0);
    await archive.store({ ...nothing, readings: readings.slice(10, 20), positions: [at(7)] }, 0);
    expect((await archive.reached()).positions).toEqual([at(7), at(9, 1)]);
    expect(await readingsOf(archive, all)).toEqual(readings.map(({ backfill: _, ...kept }) => kept));
    const some = await readingsOf(archive, {
      ...all,
      sensor: 'fridge-1',
      fromMs: START + 3_600_000,
      toMs: START + 5 * 3_600_000,
    });
    expect(some.map(({ seq }) => seq)).toEqual([1, 3]);
    expect(await readingsOf(archive, { ...all, limit: 3 })).toHaveLength(3);
    expect(await readingsOf(archive, { ...all, clinic: 'another' })).toEqual([]);
  });

  it('keeps the last of each aggregate, also within one batch', async () => {
    const said = (at: number, more: Partial<FullSensorAggregate>) => ({
      ...aggregate('c', 'fridge-1', START),
      ...more,
      said: at,
    });
    await archive.store({ ...nothing, aggregates: [said(1, {}), said(2, { count: 3 })] }, 0);
    const last = { count: 4, max: 9, low: 2, high: null, seconds_covered: 240 };
    await archive.store({ ...nothing, aggregates: [said(3, last)] }, 0);
    // A relay that is behind another says what was said before.
    await archive.store({ ...nothing, aggregates: [said(2, { count: 3 })] }, 0);
    expect(await aggregatesOf(archive, all)).toEqual([{ ...aggregate('c', 'fridge-1', START), ...last }]);
  });

  it('keeps aggregates of every quantity beside each other, each with its unit and limits', async () => {
    const of = (quantity: Quantity, more: Partial<FullSensorAggregate>) => ({
      ...aggregate('quantities', 'fridge-1', START),
      quantity,
      unit: QUANTITIES[quantity],
      ...more,
    });
    const rows = [
      of('contact', { low: null, high: 0, seconds_outside: 12.5 }),
      of('humidity', { low: 30, high: 60, mean: 45.25 }),
      of('temperature', { seconds_covered: null }),
    ];
    // In one transaction, where one statement may touch a row once.
    await archive.store({ ...nothing, aggregates: rows.toReversed().map((row) => ({ ...row, said: 1 })) }, 0);
    const query = { ...all, clinic: 'quantities' };
    expect(await aggregatesOf(archive, query)).toEqual(rows);
    expect(await aggregatesOf(archive, { ...query, quantity: 'humidity' })).toEqual([rows[1]]);
    expect(await aggregatesOf(archive, { ...query, quantity: 'pressure', sensor: 'fridge-1' })).toEqual([]);
    const later = { ...rows[1]!, since: START + 300_000 };
    await archive.store({ ...nothing, aggregates: [{ ...later, said: 1 }] }, 0);
    const paged = await pagesOf<FullSensorAggregate, 'aggregates'>(archive, 'aggregates', {
      ...query,
      limit: 1,
    });
    expect([paged.rows, paged.lengths]).toEqual([
      [...rows, later],
      [1, 1, 1, 1],
    ]);
  });

  it('makes one episode of its alerts, in whatever order they come', async () => {
    const cleared = alert('cleared', 3000, {
      episode: { worst: 9.5, seconds_outside: 60, degree_minutes: 1.5, mkt: 8.5 },
    });
    await archive.store({ ...nothing, alerts: [cleared, alert('raised', 1000)] }, 0);
    await archive.store(
      {
        ...nothing,
        alerts: [alert('acknowledged', 2000, { by: 'Amina', comment: 'door' })],
      },
      0,
    );
    await archive.store({ ...nothing, alerts: [alert('raised', 1000)] }, 0);
    expect(await episodesOf(archive, all)).toMatchObject([
      {
        raised_at: START + 1000,
        acknowledged_at: START + 2000,
        acknowledged_by: 'Amina',
        comment: 'door',
        cleared_at: START + 3000,
        worst: 9.5,
        seconds_outside: 60,
        degree_minutes: 1.5,
        mkt: 8.5,
      },
    ]);
    expect(await episodesOf(archive, { ...all, fromMs: START + 4000 })).toEqual([]);
  });

  it('shows no end of an episode that was raised again, in whatever order its alerts come', async () => {
    const id = (n: number) => ({ clinic: 'again', episode_id: `again-${n}` });
    const told = [alert('raised', 1000), alert('cleared', 2000), alert('raised', 3000)];
    const orders = [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
      [1, 0, 2],
    ];
    for (const [n, order] of orders.entries()) {
      for (const i of order) {
        await archive.store({ ...nothing, alerts: [{ ...told[i]!, ...id(n) }] }, 0);
      }
    }
    const query = { ...all, clinic: 'again', fromMs: START + 5000 };
    const standing = { raised_at: START + 1000, cleared_at: null };
    expect(await episodesOf(archive, query)).toMatchObject(orders.map(() => standing));
    await archive.store({ ...nothing, alerts: [{ ...alert('cleared', 4000), ...id(0) }] }, 0);
    expect(await episodesOf(archive, query)).toHaveLength(orders.length - 1);
    const [ended] = await episodesOf(archive, { ...query, fromMs: START });
    expect(ended).toMatchObject({ raised_at: START + 1000, cleared_at: START + 4000 });
  });

  it('gives every row once, page by page, also of one millisecond, in one order', async () => {
    const clinic = 'pages';
    // Three gateways' sensors at the same times, two quantities each, and a reading of another epoch at the same moment.
    const rows = Array.from({ length: 40 }, (_, i) => i).flatMap((i) =>
      ['a', 'b', 'c'].flatMap((name) => {
        const of = {
          clinic,
          gateway: `g-${name}`,
          sensor: `f-${name}`,
          measured_at: START + (i >> 2) * 60_000,
        };
        return [
          reading(2 * i + 1, { ...of, value: 4.0625 + i }),
          reading(2 * i + 2, { ...of, quantity: 'humidity', unit: '%RH', value: 1 / 3 + i }),
          reading(i + 1, { ...of, epoch: '00000000000000bb', quality: 'suspect', time_quality: 'estimated' }),
        ];
      }),
    );
    for (let i = 0; i < rows.length; i += 50) {
      await archive.store({ ...nothing, readings: rows.slice(i, i + 50).reverse() }, 0);
    }
    const query = { ...all, clinic };
    const whole = await pagesOf<ArchivedReading, 'readings'>(archive, 'readings', query);
    const key = (r: ArchivedReading) => `${r.gateway}/${r.epoch}/${r.seq}`;
    expect([...whole.rows].sort((x, y) => (key(x) < key(y) ? -1 : 1))).toEqual(
      rows.map(({ backfill: _, ...kept }) => kept).sort((x, y) => (key(x) < key(y) ? -1 : 1)),
    );
    expect(whole.rows.map((r) => r.measured_at)).toEqual(
      whole.rows.map((r) => r.measured_at).sort((x, y) => x - y),
    );
    for (const limit of [1, 7, 119, 120, 360]) {
      const paged = await pagesOf<ArchivedReading, 'readings'>(archive, 'readings', { ...query, limit });
      expect(paged.rows).toEqual(whole.rows);
      expect(paged.lengths.slice(0, -1).every((length) => length === limit)).toBe(true);
      expect(paged.lengths).toHaveLength(Math.ceil(360 / limit));
    }
    const one = { ...query, sensor: 'f-b', fromMs: START + 120_000, toMs: START + 240_000, limit: 5 };
    const ofOne = await pagesOf<ArchivedReading, 'readings'>(archive, 'readings', one);
    expect(ofOne.rows).toEqual(
      whole.rows.filter((r) => r.sensor === 'f-b' && r.measured_at >= one.fromMs && r.measured_at < one.toMs),
    );
  });

  it('gives aggregates and episodes page by page, too', async () => {
    const clinic = 'pages';
    const query = { ...all, clinic };
    const aggregates = Array.from({ length: 60 }, (_, i) => ({
      ...aggregate(clinic, `f-${'abc'[(i >> 1) % 3]}`, START + Math.floor(i / 6) * 300_000),
      ...(i % 2 === 0 ? { quantity: 'humidity' as const, unit: '%RH' as const } : {}),
      count: i + 1,
    }));
    await archive.store({ ...nothing, aggregates: aggregates.map((a) => ({ ...a, said: 1 })) }, 0);
    const alerts = Array.from({ length: 9 }, (_, i) =>
      alert('raised', i, { clinic, episode_id: `e-${i}`, since: new Date(START + (i >> 1)).toISOString() }),
    );
    await archive.store({ ...nothing, alerts }, 0);
    for (const limit of [1, 4, 30]) {
      const paged = await pagesOf<FullSensorAggregate, 'aggregates'>(archive, 'aggregates', {
        ...query,
        limit,
      });
      expect(paged.rows).toEqual(aggregates);
      const episodes = await pagesOf<Episode, 'episodes'>(archive, 'episodes', { ...query, limit });
      expect(episodes.rows.map(({ episode_id: id }) => id)).toEqual(alerts.map(({ episode_id: id }) => id));
    }
  });

  it('lets go what is old, survives being opened again, and can be emptied', async () => {
    await archive.tidy(Date.UTC(2026, 10, 1), START + 1);
    const left = await readingsOf(archive, all);
    expect(left.every(({ measured_at }) => measured_at >= Date.UTC(2026, 10, 1))).toBe(true);
    expect(left.length).toBeGreaterThan(10);
    expect(await aggregatesOf(archive, all)).toEqual([]);
    await archive.close();
    archive = await open();
    expect(await readingsOf(archive, all)).toEqual(left);
    await archive.clear();
    expect([await readingsOf(archive, all), await episodesOf(archive, all)]).toEqual([[], []]);
    expect(await archive.reached()).toEqual({ generation: 1, positions: [] });
    // Whoever read on from before must not store a position that leaves out what was emptied.
    const old = { ...nothing, readings: [reading(1)], positions: [at(90)] };
    await expect(archive.store(old, 0)).rejects.toMatchObject({ code: 'archive.emptied', retry: true });
    expect([await readingsOf(archive, all), (await archive.reached()).positions]).toEqual([[], []]);
  });
});
