import type Database from 'better-sqlite3';
import { STREAM_TOPICS } from '../../../core/contract/streams.js';
import { type ArchivedReading, READING_COLUMNS, type StoredAggregate } from '../port.js';
import { Writer } from './writer.js';

/**
 * A reading is six small numbers: what it shares with others of its series stands once in `series`. `value` is in
 * thousandths where that says it exactly (SQLite then keeps two bytes), and `flags` (flags.ts) says whether it is.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY, clinic TEXT NOT NULL, sensor TEXT NOT NULL, quantity TEXT NOT NULL, unit TEXT NOT NULL,
    gateway TEXT NOT NULL, UNIQUE (clinic, sensor, quantity, unit, gateway));
  CREATE TABLE IF NOT EXISTS epochs (id INTEGER PRIMARY KEY, epoch TEXT NOT NULL UNIQUE);
  CREATE TABLE IF NOT EXISTS readings (
    series INTEGER NOT NULL, at INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, value REAL NOT NULL,
    flags INTEGER NOT NULL, PRIMARY KEY (series, at, epoch, seq)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS aggregates (
    series INTEGER NOT NULL, since INTEGER NOT NULL, count INTEGER NOT NULL, min REAL NOT NULL, max REAL NOT NULL,
    mean REAL NOT NULL, low REAL, high REAL, seconds_covered REAL, seconds_outside REAL NOT NULL, said INTEGER NOT NULL,
    PRIMARY KEY (series, since)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS episodes (
    episode_id TEXT PRIMARY KEY, clinic TEXT NOT NULL, gateway TEXT NOT NULL, sensor TEXT NOT NULL,
    alert_type TEXT NOT NULL, severity TEXT NOT NULL, rule TEXT NOT NULL, since INTEGER NOT NULL, raised_at INTEGER,
    acknowledged_at INTEGER, acknowledged_by TEXT, comment TEXT, cleared_at INTEGER, summary TEXT NOT NULL, worst REAL,
    seconds_outside REAL, degree_minutes REAL, mkt REAL, last_raised INTEGER) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS episodes_by_time ON episodes (clinic, since);
  CREATE TABLE IF NOT EXISTS positions (
    topic TEXT NOT NULL, part INTEGER NOT NULL, offset TEXT NOT NULL, arrived INTEGER NOT NULL,
    PRIMARY KEY (topic, part)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
`;

/**
 * Files of version 0 had a row of eleven columns a reading, and an index beside it; those of version 1 aggregates of
 * temperatures alone, without limits.
 */
const VERSION = 2;
/** Rows of an older file that move in one transaction: it may end at any time, and goes on at the next start. */
const MOVED = 20_000;

/** Makes the tables, and moves what an older file has. */
export function prepare(db: Database.Database): void {
  if (db.pragma('user_version', { simple: true }) !== VERSION) {
    setAside(db);
    db.exec(SCHEMA);
    widen(db);
    moveReadings(db);
    moveAggregates(db);
    db.pragma(`user_version = ${VERSION}`);
  }
}

const hasColumn = (db: Database.Database, table: string, column: string) =>
  (db.pragma(`table_info(${table})`) as { name: string }[]).some(({ name }) => name === column);

/** What the log still has of other quantities is read once more. */
function widen(db: Database.Database): void {
  db.transaction(() => {
    if (hasColumn(db, 'aggregates', 'low')) return;
    for (const column of ['low', 'high', 'seconds_covered'])
      db.exec(`ALTER TABLE aggregates ADD COLUMN ${column} REAL`);
    db.prepare('DELETE FROM positions WHERE topic = ?').run(STREAM_TOPICS.sensor5m);
  }).immediate();
}

function setAside(db: Database.Database): void {
  db.transaction(() => {
    if (!hasColumn(db, 'readings', 'clinic')) return;
    db.exec(`
      DROP INDEX IF EXISTS readings_by_time;
      ALTER TABLE readings RENAME TO old_readings;
      ALTER TABLE aggregates RENAME TO old_aggregates;
      ALTER TABLE episodes ADD COLUMN last_raised INTEGER;
      UPDATE episodes SET last_raised = raised_at;
    `);
  }).immediate();
}

const isThere = (db: Database.Database, table: string) =>
  db.prepare(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?`).get(table) !== undefined;

function moveReadings(db: Database.Database): void {
  if (!isThere(db, 'old_readings')) return;
  const select = db.prepare<[number], ArchivedReading>(
    `SELECT ${READING_COLUMNS.join(', ')} FROM old_readings ORDER BY gateway, epoch, seq LIMIT ?`,
  );
  const drop = db.prepare('DELETE FROM old_readings WHERE (gateway, epoch, seq) <= (@gateway, @epoch, @seq)');
  const writer = new Writer(db);
  const move = db.transaction(() => {
    const rows = select.all(MOVED);
    for (const row of rows) writer.reading(row);
    const last = rows.at(-1);
    if (last) drop.run(last);
    return rows.length;
  });
  while (move.immediate() > 0);
  db.exec('DROP TABLE old_readings');
}

function moveAggregates(db: Database.Database): void {
  if (!isThere(db, 'old_aggregates')) return;
  const select = db.prepare<[number], StoredAggregate>(
    `SELECT clinic, sensor, 'temperature' AS quantity, 'Cel' AS unit, since, count, min, max, mean, seconds_outside,
       NULL AS low, NULL AS high, NULL AS seconds_covered, 0 AS said
     FROM old_aggregates ORDER BY clinic, sensor, since LIMIT ?`,
  );
  const drop = db.prepare(
    'DELETE FROM old_aggregates WHERE (clinic, sensor, since) <= (@clinic, @sensor, @since)',
  );
  const writer = new Writer(db);
  const move = db.transaction(() => {
    const rows = select.all(MOVED);
    for (const row of rows) writer.aggregate(row);
    const last = rows.at(-1);
    if (last) drop.run(last);
    return rows.length;
  });
  while (move.immediate() > 0);
  db.exec('DROP TABLE old_aggregates');
}
