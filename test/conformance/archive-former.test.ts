import { readFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import pg from 'pg';
import { expect, it } from 'vitest';
import type { Archive } from '../../relay/archive/port.js';
import { PostgresArchive } from '../../relay/archive/postgres.js';
import { SqliteArchive } from '../../relay/archive/sqlite/sqlite.js';
import {
  aggregate,
  aggregatesOf,
  all,
  episodesOf,
  nothing,
  readingsOf,
  START,
} from '../world/data/archived.js';
import { startPostgres, tempFolder } from '../world/run/services.js';

/** What the version before wrote: its own program has made these. */
const written = (name: string) =>
  readFileSync(new URL(`../fixtures/archive/${name}.v1.sql`, import.meta.url), 'utf8');

interface Former {
  open(): Promise<Archive>;
  remove(): Promise<void> | void;
}

async function sqlite(): Promise<Former> {
  const folder = tempFolder('former');
  const db = new Database(`${folder.path}/archive.db`);
  db.exec(written('sqlite'));
  db.close();
  return { open: () => SqliteArchive.open(folder.path), remove: () => folder.remove() };
}

async function postgres(): Promise<Former> {
  const service = await startPostgres();
  const client = new pg.Client(service.url);
  await client.connect();
  await client.query(written('postgres'));
  await client.end();
  return { open: () => PostgresArchive.open(service.url, () => {}), remove: () => service.stop() };
}

const FIVE = 300_000;
const ARRIVED = START + 3 * 60_000;

it.each([
  ['SQLite', sqlite],
  ['PostgreSQL', postgres],
])(
  'an archive in %s that knew temperatures alone keeps what it has, and takes every quantity',
  async (_, make) => {
    const former = await make();
    let archive = await former.open();
    const unknown = { low: null, high: null, seconds_covered: null };
    const before = (sensor: string, n: number) => ({
      ...aggregate('c', sensor, START + n * FIVE),
      ...unknown,
      count: 5,
      min: 4.25,
      max: 9.25,
      mean: 6.5 + n,
      seconds_outside: 60,
    });
    const kept = [before('fridge-1', 0), before('fridge-2', 0), before('fridge-1', 1)];
    expect(await aggregatesOf(archive, all)).toEqual(kept);
    expect((await readingsOf(archive, all)).map(({ quantity, value }) => [quantity, value])).toEqual([
      ['temperature', 5.25],
      ['temperature', 6.25],
      ['humidity', 51.5],
    ]);
    expect(await episodesOf(archive, all)).toMatchObject([{ episode_id: 'e1', raised_at: START + 1000 }]);
    // What the log still has of other quantities is read once more; readings go on where they were.
    const readings = { topic: 'iot.temperature' as const, partition: 0, offset: '5', arrivedMs: ARRIVED };
    expect(await archive.reached()).toEqual({ generation: 1, positions: [readings] });
    const aggregates = {
      topic: 'agg.sensor.5m' as const,
      partition: 0,
      offset: '4',
      arrivedMs: START + 400_000,
    };
    const humid = {
      ...aggregate('c', 'fridge-1', START),
      quantity: 'humidity' as const,
      unit: '%RH' as const,
    };
    const judged = { ...before('fridge-1', 0), low: 2, high: 8, seconds_covered: 300 };
    await archive.store(
      {
        ...nothing,
        aggregates: [
          { ...humid, said: START + 1000 },
          { ...judged, said: START + 1000 },
        ],
        positions: [aggregates],
      },
      1,
    );
    await archive.close();
    archive = await former.open();
    expect(await aggregatesOf(archive, all)).toEqual([humid, judged, ...kept.slice(1)]);
    expect((await archive.reached()).positions).toEqual([aggregates, readings]);
    await archive.close();
    await former.remove();
  },
  120_000,
);
