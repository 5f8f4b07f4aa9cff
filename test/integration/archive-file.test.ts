import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import type { ReadingMessage } from '../../core/contract/messages.js';
import { MINUTE } from '../../core/durations.js';
import type { ArchivedReading, Kind } from '../../relay/archive/port.js';
import { SqliteArchive } from '../../relay/archive/sqlite/sqlite.js';
import { tempFolder } from '../world/run/services.js';

const BUILT = new URL('../../dist/relay/archive/sqlite/sqlite.js', import.meta.url).href;
const START = Date.UTC(2026, 9, 30);
const EPOCH = '00000000000000aa';

/** As a relay archives them: all sensors' readings of a minute together, ten sensors a gateway. */
function minuteOf(minute: number, sensors: number): ReadingMessage[] {
  return Array.from({ length: sensors }, (_, n) => ({
    clinic: `clinic-${Math.floor(n / 50)}`,
    gateway: `clinic-${Math.floor(n / 50)}-gateway-${Math.floor(n / 10) % 5}`,
    sensor: `fridge-${n % 50}`,
    quantity: 'temperature' as const,
    value: Math.round((4.5 + 2.5 * Math.sin(minute / 30 + n)) * 16) / 16,
    unit: 'Cel' as const,
    measured_at: START + minute * MINUTE + n * 317,
    time_quality: 'synchronised' as const,
    quality: n % 40 === 0 ? ('suspect' as const) : ('good' as const),
    epoch: EPOCH,
    seq: minute * 10 + (n % 10) + 1,
    backfill: false,
  }));
}

async function rowsOf<T>(archive: SqliteArchive, kind: Kind, clinic: string): Promise<T[]> {
  const query = { clinic, fromMs: 0, toMs: START * 2, limit: 100_000 };
  const { rows } = await archive.page(kind, query);
  return JSON.parse([...rows].map((piece) => Buffer.from(piece).toString()).join('')) as T[];
}

const BYTES_A_READING = 40;

it(`a reading takes at most ${BYTES_A_READING} bytes of the file`, async () => {
  const folder = tempFolder('size');
  const archive = await SqliteArchive.open(folder.path);
  const [minutes, sensors] = [600, 200];
  for (let minute = 0; minute < minutes; minute += 10) {
    const readings = Array.from({ length: 10 }, (_, i) => minuteOf(minute + i, sensors)).flat();
    await archive.store({ readings, aggregates: [], alerts: [], positions: [] }, 0);
  }
  await archive.close();
  const db = new Database(`${folder.path}/archive.db`, { readonly: true });
  const pages = db.pragma('page_count', { simple: true }) as number;
  const size = db.pragma('page_size', { simple: true }) as number;
  db.close();
  folder.remove();
  expect((pages * size) / (minutes * sensors)).toBeLessThanOrEqual(BYTES_A_READING);
});

/** The tables of files of version 0. */
const OLD = `
  CREATE TABLE readings (
    clinic TEXT NOT NULL, gateway TEXT NOT NULL, sensor TEXT NOT NULL, quantity TEXT NOT NULL, value REAL NOT NULL,
    unit TEXT NOT NULL, measured_at INTEGER NOT NULL, quality TEXT NOT NULL, time_quality TEXT NOT NULL,
    epoch TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (gateway, epoch, seq)) WITHOUT ROWID;
  CREATE INDEX readings_by_time ON readings (clinic, sensor, measured_at);
  CREATE TABLE aggregates (
    clinic TEXT NOT NULL, sensor TEXT NOT NULL, since INTEGER NOT NULL, count INTEGER NOT NULL, min REAL NOT NULL,
    max REAL NOT NULL, mean REAL NOT NULL, seconds_outside REAL NOT NULL,
    PRIMARY KEY (clinic, sensor, since)) WITHOUT ROWID;
  CREATE TABLE episodes (
    episode_id TEXT PRIMARY KEY, clinic TEXT NOT NULL, gateway TEXT NOT NULL, sensor TEXT NOT NULL,
    alert_type TEXT NOT NULL, severity TEXT NOT NULL, rule TEXT NOT NULL, since INTEGER NOT NULL, raised_at INTEGER,
    acknowledged_at INTEGER, acknowledged_by TEXT, comment TEXT, cleared_at INTEGER, summary TEXT NOT NULL, worst REAL,
    seconds_outside REAL, degree_minutes REAL, mkt REAL) WITHOUT ROWID;
  CREATE INDEX episodes_by_time ON episodes (clinic, since);
  CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO state VALUES ('through', 1793000000000);
`;

it('a file of an older version is brought up to date, also when that was broken off', async () => {
  const folder = tempFolder('old');
  const file = `${folder.path}/archive.db`;
  const old = new Database(file);
  old.exec(OLD);
  const readings = Array.from({ length: 900 }, (_, minute) => minuteOf(minute, 100)).flat();
  const columns =
    'clinic, gateway, sensor, quantity, value, unit, measured_at, quality, time_quality, epoch, seq';
  const put = old.prepare(
    `INSERT INTO readings (${columns}) VALUES (${columns.replace(/\w+/g, (name) => `@${name}`)})`,
  );
  old.transaction(() => {
    for (const { backfill: _, ...row } of readings) put.run(row);
    old.exec(`INSERT INTO aggregates VALUES ('clinic-0', 'fridge-1', ${START}, 5, 1, 3, 2.5, 30);
      INSERT INTO episodes (episode_id, clinic, gateway, sensor, alert_type, severity, rule, since, summary)
      VALUES ('e', 'clinic-0', 'g', 'fridge-1', 'excursion', 'critical', 'warm', ${START}, 'warm')`);
  })();
  old.close();
  const left = () => {
    const db = new Database(file, { readonly: true });
    const count = db.prepare('SELECT count(*) FROM sqlite_master WHERE name = ?').pluck();
    const all = () => db.prepare('SELECT count(*) FROM series').pluck().get();
    const there = (table: string) => count.get(table) === 1;
    const moved = !there('series') ? 'nothing' : there('old_readings') ? all() : 'all';
    db.close();
    return moved;
  };
  const open = `import(${JSON.stringify(BUILT)}).then((m) => m.SqliteArchive.open(${JSON.stringify(folder.path)}))`;
  const program = spawn(process.execPath, ['-e', open]);
  while (left() === 'nothing' || left() === 0) await sleep(2);
  program.kill('SIGKILL');
  await once(program, 'exit');
  // It was in the middle of it.
  expect(left()).toEqual(expect.any(Number));
  const archive = await SqliteArchive.open(folder.path);
  const byTime = (x: ArchivedReading, y: ArchivedReading) =>
    x.measured_at - y.measured_at || (x.sensor < y.sensor ? -1 : 1);
  for (const clinic of ['clinic-0', 'clinic-1']) {
    const expected = readings.filter((r) => r.clinic === clinic).map(({ backfill: _, ...kept }) => kept);
    expect(await rowsOf(archive, 'readings', clinic)).toEqual(expected.sort(byTime));
  }
  expect(await rowsOf(archive, 'aggregates', 'clinic-0')).toMatchObject([{ count: 5, mean: 2.5 }]);
  expect(await rowsOf(archive, 'episodes', 'clinic-0')).toMatchObject([{ episode_id: 'e', rule: 'warm' }]);
  // Its time said that it had what it had not: all of the log is read once more.
  expect(await archive.reached()).toEqual({ generation: 0, positions: [] });
  await archive.close();
  folder.remove();
});
