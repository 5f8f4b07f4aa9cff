import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Position } from '../../log/port.js';
import { pageOf, type WholePage } from '../page.js';
import { type ArchiveRows, Emptied, type HistoryQuery, type Kind, type Reached } from '../port.js';
import { Reader } from './reader.js';
import { prepare } from './schema.js';
import { Writer } from './writer.js';

/** The file, in a worker's thread: everything here waits for the disk. */
export class ArchiveFile {
  readonly #db: Database.Database;
  readonly #writer;
  readonly #reader;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#db = new Database(join(folder, 'archive.db'));
    this.#db.pragma('journal_mode = WAL');
    this.#db.pragma('synchronous = NORMAL');
    prepare(this.#db);
    this.#writer = new Writer(this.#db);
    this.#reader = new Reader(this.#db);
  }

  store({ readings, aggregates, alerts, positions }: ArchiveRows, generation: number): void {
    const store = this.#db.transaction(() => {
      if (this.#generation() !== generation) throw new Emptied();
      for (const row of readings) this.#writer.reading(row);
      for (const row of aggregates) this.#writer.aggregate(row);
      for (const alert of alerts) this.#writer.alert(alert);
      for (const position of positions) this.#writer.position(position);
    });
    try {
      store.immediate();
    } catch (error) {
      this.#writer.forget();
      throw error;
    }
  }

  #generation(): number {
    const value = this.#db.prepare(`SELECT value FROM state WHERE name = 'generation'`).pluck().get();
    return (value as number | undefined) ?? 0;
  }

  reached(): Reached {
    const select = this.#db.prepare<[], Position>(
      'SELECT topic, part AS partition, offset, arrived AS arrivedMs FROM positions ORDER BY topic, part',
    );
    return this.#db.transaction(() => ({ generation: this.#generation(), positions: select.all() }))();
  }

  page(kind: Kind, query: HistoryQuery): WholePage {
    return pageOf(kind, this.#reader.rows(kind, query), query.limit);
  }

  tidy(readingsBeforeMs: number, aggregatesBeforeMs: number): void {
    const readings = this.#db.prepare('DELETE FROM readings WHERE series = ? AND at < ?');
    const aggregates = this.#db.prepare('DELETE FROM aggregates WHERE series = ? AND since < ?');
    for (const id of this.#db.prepare('SELECT id FROM series').pluck().all()) {
      readings.run(id, readingsBeforeMs);
      aggregates.run(id, aggregatesBeforeMs);
    }
  }

  /** Names keep their numbers: another program that writes knows them. */
  clear(): void {
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

  close(): void {
    this.#db.close();
  }
}
