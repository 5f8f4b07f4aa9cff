import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SystemClock } from '../../core/clock/system.js';
import type { AlertMessage, ReadingMessage } from '../../core/contract/messages.js';
import type { Archive, HistoryQuery } from '../../relay/archive/port.js';
import { PostgresArchive } from '../../relay/archive/postgres.js';
import { SqliteArchive } from '../../relay/archive/sqlite.js';
import { EmbeddedLog } from '../../relay/log/embedded/embedded.js';
import type { Position } from '../../relay/log/port.js';
import { getJson, until } from '../world/programs.js';
import { startRelay } from '../world/relay.js';
import { type Service, startPostgres, tempFolder } from '../world/services.js';

/** One suite, both archives. */
const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const DAY = 86_400_000;
const START = Date.UTC(2026, 9, 30);
const EPOCH = '00000000000000aa';
const reading = (seq: number, more: Partial<ReadingMessage> = {}): ReadingMessage => ({
  clinic: 'c',
  gateway: 'g',
  sensor: `fridge-${seq % 2}`,
  quantity: 'temperature',
  value: seq / 8,
  unit: 'Cel',
  measured_at: START + seq * 3_600_000,
  time_quality: 'synchronised',
  quality: 'good',
  epoch: EPOCH,
  seq,
  backfill: false,
  ...more,
});
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
const all: HistoryQuery = { clinic: 'c', fromMs: START - DAY, toMs: START + 100 * DAY, limit: 1000 };
const nothing = { readings: [], aggregates: [], alerts: [], positions: [] };
const at = (offset: number, partition = 0): Position => ({
  topic: 'iot.temperature',
  partition,
  offset: String(offset),
  arrivedMs: START + offset,
});

let postgres: Service & { url: string };
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres?.stop());

describe.each(['sqlite', 'postgres'])('the archive in %s', (kind) => {
  const folder = tempFolder('archive');
  let archive: Archive;
  const open = async (): Promise<Archive> =>
    kind === 'sqlite' ? new SqliteArchive(folder.path) : PostgresArchive.open(postgres.url, () => {});
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
    expect(await archive.readings(all)).toEqual(readings.map(({ backfill: _, ...kept }) => kept));
    const some = await archive.readings({
      ...all,
      sensor: 'fridge-1',
      fromMs: START + 3_600_000,
      toMs: START + 5 * 3_600_000,
    });
    expect(some.map(({ seq }) => seq)).toEqual([1, 3]);
    expect(await archive.readings({ ...all, limit: 3 })).toHaveLength(3);
    expect(await archive.readings({ ...all, clinic: 'another' })).toEqual([]);
  });

  it('keeps the last of each aggregate, also within one batch', async () => {
    const aggregate = {
      clinic: 'c',
      sensor: 'fridge-1',
      since: START,
      count: 2,
      min: 1,
      max: 3,
      mean: 2,
      seconds_outside: 0,
    };
    await archive.store({ ...nothing, aggregates: [aggregate, { ...aggregate, count: 3 }] }, 0);
    await archive.store({ ...nothing, aggregates: [{ ...aggregate, count: 4, max: 9 }] }, 0);
    expect(await archive.aggregates(all)).toEqual([{ ...aggregate, count: 4, max: 9 }]);
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
    expect(await archive.episodes(all)).toMatchObject([
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
    expect(await archive.episodes({ ...all, fromMs: START + 4000 })).toEqual([]);
  });

  it('lets go what is old, survives being opened again, and can be emptied', async () => {
    await archive.tidy(Date.UTC(2026, 10, 1), START + 1);
    const left = await archive.readings(all);
    expect(left.every(({ measured_at }) => measured_at >= Date.UTC(2026, 10, 1))).toBe(true);
    expect(left.length).toBeGreaterThan(10);
    expect(await archive.aggregates(all)).toEqual([]);
    await archive.close();
    archive = await open();
    expect(await archive.readings(all)).toEqual(left);
    await archive.clear();
    expect([await archive.readings(all), await archive.episodes(all)]).toEqual([[], []]);
    expect(await archive.reached()).toEqual({ generation: 1, positions: [] });
    // Whoever read on from before must not store a position that leaves out what was emptied.
    const old = { ...nothing, readings: [reading(1)], positions: [at(90)] };
    await expect(archive.store(old, 0)).rejects.toMatchObject({ code: 'archive.emptied', retry: true });
    expect([await archive.readings(all), (await archive.reached()).positions]).toEqual([[], []]);
  });

  it('is filled by the relay, waits for a database that is away, and is rebuilt from the log', async () => {
    const config = kind === 'postgres' ? { postgres: postgres.url } : {};
    if (kind === 'postgres') await postgres.halt();
    const relay = await startRelay(folder.path, { archive: config });
    const log = new EmbeddedLog(`${folder.path}/relay`, new SystemClock(), DAY);
    const append = (seq: number) =>
      log.append({
        gateway: 'g',
        epoch: EPOCH,
        stream: 'readings',
        from: seq,
        records: [
          {
            topic: 'iot.temperature',
            key: 'c/f',
            value: JSON.stringify(reading(seq)),
            headers: {},
            timestamp: START,
          },
        ],
      });
    await append(1);
    await append(2);
    if (kind === 'postgres') {
      expect(
        (
          await fetch(
            `${relay.url}/v1/history/readings?clinic=c&from=2026-10-01T00:00:00Z&to=2026-12-01T00:00:00Z`,
          )
        ).status,
      ).toBe(503);
      await postgres.restart();
    }
    const history = () =>
      getJson<{ readings: { seq: number }[]; complete: boolean }>(
        `${relay.url}/v1/history/readings?clinic=c&from=2026-10-01T00:00:00Z&to=2026-12-01T00:00:00Z`,
      );
    await until('both readings', 40_000, async () => (await history()).readings.length === 2);
    const bad = await fetch(
      `${relay.url}/v1/history/readings?clinic=c&from=yesterday&to=2026-12-01T00:00:00Z`,
    );
    expect([bad.status, JSON.stringify(await bad.json())]).toEqual([
      400,
      expect.stringContaining('"path":"from"'),
    ]);
    const before = await history();
    const rebuilt = spawnSync(
      process.execPath,
      [CLI, 'relay', 'archive', 'rebuild', '--config', `${folder.path}/relay.yaml`, '--json'],
      { encoding: 'utf8' },
    );
    expect([rebuilt.stderr, rebuilt.status]).toEqual(['', 0]);
    expect(await history()).toEqual(before);
    await relay.program.stop();
    await log.close();
  });
});
