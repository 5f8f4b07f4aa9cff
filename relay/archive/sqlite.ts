import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { SensorAggregate } from '../../core/contract/streams.js';
import type { Position } from '../log/port.js';
import {
  AGGREGATE_COLUMNS,
  type Archive,
  type ArchivedReading,
  type ArchiveRows,
  Emptied,
  EPISODE_COLUMNS,
  EPISODE_LATER,
  type Episode,
  episodeOf,
  type HistoryQuery,
  READING_COLUMNS,
  type Reached,
} from './port.js';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS readings (
    clinic TEXT NOT NULL, gateway TEXT NOT NULL, sensor TEXT NOT NULL, quantity TEXT NOT NULL, value REAL NOT NULL,
    unit TEXT NOT NULL, measured_at INTEGER NOT NULL, quality TEXT NOT NULL, time_quality TEXT NOT NULL,
    epoch TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (gateway, epoch, seq)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS readings_by_time ON readings (clinic, sensor, measured_at);
  CREATE TABLE IF NOT EXISTS aggregates (
    clinic TEXT NOT NULL, sensor TEXT NOT NULL, since INTEGER NOT NULL, count INTEGER NOT NULL, min REAL NOT NULL,
    max REAL NOT NULL, mean REAL NOT NULL, seconds_outside REAL NOT NULL,
    PRIMARY KEY (clinic, sensor, since)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS episodes (
    episode_id TEXT PRIMARY KEY, clinic TEXT NOT NULL, gateway TEXT NOT NULL, sensor TEXT NOT NULL,
    alert_type TEXT NOT NULL, severity TEXT NOT NULL, rule TEXT NOT NULL, since INTEGER NOT NULL, raised_at INTEGER,
    acknowledged_at INTEGER, acknowledged_by TEXT, comment TEXT, cleared_at INTEGER, summary TEXT NOT NULL, worst REAL,
    seconds_outside REAL, degree_minutes REAL, mkt REAL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS episodes_by_time ON episodes (clinic, since);
  CREATE TABLE IF NOT EXISTS positions (
    topic TEXT NOT NULL, part INTEGER NOT NULL, offset TEXT NOT NULL, arrived INTEGER NOT NULL,
    PRIMARY KEY (topic, part)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
`;

const insert = (table: string, columns: readonly string[]) =>
  `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map((c) => `@${c}`).join(', ')})`;

/** The archive of one machine: a SQLite file beside the embedded log. */
export class SqliteArchive implements Archive {
  readonly #db: Database.Database;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#db = new Database(join(folder, 'archive.db'));
    this.#db.pragma('journal_mode = WAL');
    this.#db.pragma('synchronous = NORMAL');
    this.#db.exec(SCHEMA);
  }

  async store({ readings, aggregates, alerts, positions }: ArchiveRows, generation: number): Promise<void> {
    const reading = this.#db.prepare(`${insert('readings', READING_COLUMNS)} ON CONFLICT DO NOTHING`);
    const aggregate = this.#db.prepare(
      insert('aggregates', AGGREGATE_COLUMNS).replace('INSERT', 'INSERT OR REPLACE'),
    );
    const later = EPISODE_LATER.map((c) => `${c} = coalesce(excluded.${c}, ${c})`).join(', ');
    const episode = this.#db.prepare(
      `${insert('episodes', EPISODE_COLUMNS)} ON CONFLICT (episode_id) DO UPDATE SET ${later}`,
    );
    const position = this.#db.prepare(
      'INSERT OR REPLACE INTO positions (topic, part, offset, arrived) VALUES (@topic, @partition, @offset, @arrivedMs)',
    );
    const store = this.#db.transaction(() => {
      if (this.#generation() !== generation) throw new Emptied();
      for (const row of readings) reading.run(row);
      for (const row of aggregates) aggregate.run(row);
      for (const alert of alerts) episode.run(episodeOf(alert));
      for (const reached of positions) position.run(reached);
    });
    store.immediate();
  }

  #generation(): number {
    const value = this.#db.prepare(`SELECT value FROM state WHERE name = 'generation'`).pluck().get();
    return (value as number | undefined) ?? 0;
  }

  async reached(): Promise<Reached> {
    const select = this.#db.prepare<[], Position>(
      'SELECT topic, part AS partition, offset, arrived AS arrivedMs FROM positions ORDER BY topic, part',
    );
    return this.#db.transaction(() => ({ generation: this.#generation(), positions: select.all() }))();
  }

  async readings(query: HistoryQuery): Promise<ArchivedReading[]> {
    return this.#select<ArchivedReading>('readings', READING_COLUMNS, 'measured_at', query);
  }

  async aggregates(query: HistoryQuery): Promise<SensorAggregate[]> {
    return this.#select<SensorAggregate>('aggregates', AGGREGATE_COLUMNS, 'since', query);
  }

  #select<T>(table: string, columns: readonly string[], time: string, query: HistoryQuery): T[] {
    const { clinic, sensor, fromMs, toMs, limit } = query;
    return this.#db
      .prepare(
        `SELECT ${columns.join(', ')} FROM ${table} WHERE clinic = ? AND (? IS NULL OR sensor = ?)
         AND ${time} >= ? AND ${time} < ? ORDER BY ${time}, sensor LIMIT ?`,
      )
      .all(clinic, sensor ?? null, sensor ?? null, fromMs, toMs, limit) as T[];
  }

  async episodes({ clinic, sensor, fromMs, toMs, limit }: HistoryQuery): Promise<Episode[]> {
    return this.#db
      .prepare(
        `SELECT ${EPISODE_COLUMNS.join(', ')} FROM episodes WHERE clinic = ? AND (? IS NULL OR sensor = ?)
         AND since < ? AND (cleared_at IS NULL OR cleared_at >= ?) ORDER BY since, episode_id LIMIT ?`,
      )
      .all(clinic, sensor ?? null, sensor ?? null, toMs, fromMs, limit) as Episode[];
  }

  async tidy(readingsBeforeMs: number, aggregatesBeforeMs: number): Promise<void> {
    this.#db.prepare('DELETE FROM readings WHERE measured_at < ?').run(readingsBeforeMs);
    this.#db.prepare('DELETE FROM aggregates WHERE since < ?').run(aggregatesBeforeMs);
  }

  async clear(): Promise<void> {
    this.#db
      .transaction(() => {
        const next = this.#generation() + 1;
        this.#db.exec(
          'DELETE FROM readings; DELETE FROM aggregates; DELETE FROM episodes; DELETE FROM positions;',
        );
        this.#db.prepare(`INSERT OR REPLACE INTO state (name, value) VALUES ('generation', ?)`).run(next);
      })
      .immediate();
  }

  async close(): Promise<void> {
    this.#db.close();
  }
}
