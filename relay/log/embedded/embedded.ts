import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type Clock, every, type Timer } from '../../../core/clock/clock.js';
import { TOPICS } from '../../../core/contract/messages.js';
import { rangeSetSchema } from '../../../core/contract/range-schema.js';
import { missing, type RangeSet } from '../../../core/contract/ranges.js';
import { ColdwatchError, messageOf } from '../../../core/errors.js';
import type { Stream } from '../../../core/stream.js';
import { epochToClose, refuseClosed, withClosed } from '../epochs.js';
import {
  type Append,
  ENROLMENT_TOPIC,
  extended,
  type From,
  type Hole,
  type Lag,
  type Log,
  type LogRecord,
  type LogTopic,
  type OnRecords,
  type Progress,
  type Published,
  REMEMBERED_MS,
  refuseClinic,
  refuseInvented,
  SCHEMAS_TOPIC,
  type Tail,
} from '../port.js';
import { Rows } from './rows.js';
import { EmbeddedTail } from './tail.js';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS records (
    offset INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    headers TEXT NOT NULL, timestamp INTEGER NOT NULL, appended INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS progress (
    gateway TEXT NOT NULL, epoch TEXT NOT NULL, stream TEXT NOT NULL, held TEXT NOT NULL,
    PRIMARY KEY (gateway, epoch, stream)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS gateways (gateway TEXT PRIMARY KEY, clinic TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS heard (
    gateway TEXT NOT NULL, epoch TEXT NOT NULL, changed INTEGER NOT NULL, PRIMARY KEY (gateway, epoch)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS closed (gateway TEXT PRIMARY KEY, epochs TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS published (id TEXT PRIMARY KEY, appended INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS dropped (topic TEXT PRIMARY KEY, offset INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS records_by_topic ON records (topic, offset);
`;

const TIDY_MS = 600_000;
/** Dropped at once, and how soon the next: so few that gateways are not held up, and more than can arrive. */
const TIDY_ROWS = 5000;
const TIDY_PAUSE_MS = 100;
/** A command beside the relay (dead letters tried again) tells nobody here of what it appends. */
const LOOK_MS = 500;

/** Of these the last record of a key stays for good, as in a compacted topic. */
const COMPACTED = [TOPICS.sensors] as const;
const names = (topics: readonly string[]) => topics.map((topic) => `'${topic}'`).join(', ');
const FOR_GOOD = names([SCHEMAS_TOPIC, ENROLMENT_TOPIC, ...COMPACTED]);
const COMPACT = `
  DELETE FROM records WHERE topic IN (${names(COMPACTED)}) AND appended < ? AND (value = '' OR offset NOT IN (
    SELECT max(offset) FROM records WHERE topic IN (${names(COMPACTED)}) GROUP BY topic, key))`;

const unavailable = (error: unknown) =>
  new ColdwatchError('log.unavailable', `embedded log: ${messageOf(error)}`, { retry: true, cause: error });

/** The log on one machine: a SQLite file, one transaction for records and progress. */
export class EmbeddedLog implements Log {
  readonly #db: Database.Database;
  readonly #clock: Clock;
  readonly #retentionMs: number;
  readonly #insert;
  readonly #known;
  readonly #tails = new Set<EmbeddedTail>();
  readonly #tidy;
  readonly #look;
  #more: Timer | undefined;

  constructor(folder: string, clock: Clock, retentionMs: number) {
    mkdirSync(folder, { recursive: true });
    this.#db = new Database(join(folder, 'log.db'));
    this.#db.pragma('journal_mode = WAL');
    this.#db.pragma('synchronous = FULL');
    this.#db.exec(SCHEMA);
    this.#clock = clock;
    this.#retentionMs = retentionMs;
    this.#insert = this.#db.prepare(
      'INSERT INTO records (topic, key, value, headers, timestamp, appended) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#known = this.#db.prepare('SELECT count(DISTINCT gateway) FROM progress').pluck();
    this.#tidy = every(clock, TIDY_MS, () => this.#dropOld());
    this.#look = every(clock, LOOK_MS, () => this.#wakeTails());
  }

  async append(batch: Append): Promise<RangeSet> {
    try {
      const held = this.#db.transaction(() => this.#appendNow(batch)).immediate();
      this.#wakeTails();
      return held;
    } catch (error) {
      if (error instanceof ColdwatchError) throw error;
      throw unavailable(error);
    }
  }

  #appendNow(batch: Append): RangeSet {
    const { gateway, epoch, stream, from, records } = batch;
    this.#bind(batch);
    const before = this.#held(gateway, epoch, stream);
    if (batch.anybody && before.length === 0 && !this.#isKnown(gateway))
      refuseInvented(batch, this.#known.get() as number);
    const to = from + records.length - 1;
    const held = extended(before, [from, to]);
    refuseClosed(this.#closed(gateway), epoch);
    if (before.length === 0) this.#makeRoom(gateway, epoch);
    for (const [low, high] of missing(before, [from, to])) {
      for (let seq = low; seq <= high; seq++) this.#insertRecord(records[seq - from]!);
    }
    this.#db
      .prepare('INSERT OR REPLACE INTO progress (gateway, epoch, stream, held) VALUES (?, ?, ?, ?)')
      .run(gateway, epoch, stream, JSON.stringify(held));
    this.#db
      .prepare('INSERT OR REPLACE INTO heard (gateway, epoch, changed) VALUES (?, ?, ?)')
      .run(gateway, epoch, this.#clock.wall());
    return held;
  }

  #isKnown(gateway: string): boolean {
    return this.#db.prepare('SELECT 1 FROM progress WHERE gateway = ? LIMIT 1').get(gateway) !== undefined;
  }

  #closed(gateway: string): string[] {
    const json = this.#db.prepare('SELECT epochs FROM closed WHERE gateway = ?').pluck().get(gateway);
    return json === undefined ? [] : (JSON.parse(json as string) as string[]);
  }

  #makeRoom(gateway: string, epoch: string): void {
    const rows = this.#db
      .prepare(
        `SELECT DISTINCT epoch, coalesce(changed, 0) FROM progress LEFT JOIN heard USING (gateway, epoch)
         WHERE gateway = ?`,
      )
      .raw()
      .all(gateway) as [string, number][];
    const known = new Map(rows);
    const oldest = known.has(epoch) ? undefined : epochToClose(known, this.#clock.wall());
    if (oldest === undefined) return;
    this.#db
      .prepare('INSERT OR REPLACE INTO closed (gateway, epochs) VALUES (?, ?)')
      .run(gateway, JSON.stringify(withClosed(this.#closed(gateway), oldest)));
    for (const table of ['progress', 'heard']) {
      this.#db.prepare(`DELETE FROM ${table} WHERE gateway = ? AND epoch = ?`).run(gateway, oldest);
    }
  }

  #insertRecord({ topic, key, value, headers, timestamp }: LogRecord): void {
    this.#insert.run(topic, key, value, JSON.stringify(headers), timestamp, this.#clock.wall());
  }

  #bind(batch: Append): void {
    if (batch.clinic === undefined) return;
    const found = this.#db
      .prepare('SELECT clinic FROM gateways WHERE gateway = ?')
      .pluck()
      .get(batch.gateway);
    refuseClinic(found as string | undefined, batch);
    if (found === undefined)
      this.#db
        .prepare('INSERT INTO gateways (gateway, clinic) VALUES (?, ?)')
        .run(batch.gateway, batch.clinic);
  }

  #held(gateway: string, epoch: string, stream: Stream): RangeSet {
    const json = this.#db
      .prepare('SELECT held FROM progress WHERE gateway = ? AND epoch = ? AND stream = ?')
      .pluck()
      .get(gateway, epoch, stream) as string | undefined;
    return json === undefined ? [] : rangeSetSchema.parse(JSON.parse(json));
  }

  async progress(gateway: string): Promise<Progress[]> {
    const rows = this.#db
      .prepare('SELECT epoch, stream, held FROM progress WHERE gateway = ?')
      .all(gateway) as { epoch: string; stream: Stream; held: string }[];
    return rows.map(({ epoch, stream, held }) => ({
      epoch,
      stream,
      held: rangeSetSchema.parse(JSON.parse(held)),
    }));
  }

  async publish(records: readonly Published[]): Promise<{ repeated: string[] }> {
    const remember = this.#db.prepare(
      `INSERT INTO published (id, appended) VALUES (?, ?)
       ON CONFLICT (id) DO UPDATE SET appended = excluded.appended WHERE published.appended < ?`,
    );
    try {
      const now = this.#clock.wall();
      const repeated = this.#db
        .transaction(() =>
          records.flatMap((record) => {
            if (remember.run(record.id, now, now - REMEMBERED_MS).changes === 0) return [record.id];
            this.#insertRecord(record);
            return [];
          }),
        )
        .immediate();
      this.#wakeTails();
      return { repeated };
    } catch (error) {
      throw unavailable(error);
    }
  }

  async read(topics: readonly LogTopic[], from: From, onRecords: OnRecords): Promise<void> {
    const end = this.#db.prepare('SELECT coalesce(max(offset), 0) FROM records').pluck().get() as number;
    const rows = new Rows(this.#db, topics, from);
    for (;;) {
      const records = rows.next(end);
      if (records.length === 0) return;
      await onRecords(records);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async tail(
    topics: readonly LogTopic[],
    from: From,
    onRecords: OnRecords,
    onHole?: (hole: Hole) => void,
  ): Promise<Tail> {
    const rows = new Rows(this.#db, topics, from, onHole);
    const tail = new EmbeddedTail(rows, onRecords, this.#clock, (ended) => this.#tails.delete(ended));
    this.#tails.add(tail);
    tail.wake();
    return tail;
  }

  #wakeTails(): void {
    for (const tail of this.#tails) tail.wake();
  }

  #dropOld(): void {
    const before = this.#clock.wall() - this.#retentionMs;
    const drop = this.#db.prepare<[number, number], { topic: string; offset: number }>(
      `DELETE FROM records WHERE offset IN (
         SELECT offset FROM records WHERE appended < ? AND topic NOT IN (${FOR_GOOD}) ORDER BY offset LIMIT ?)
       RETURNING topic, offset`,
    );
    // A reader that comes later must be able to know what it missed.
    const note = this.#db.prepare(
      `INSERT INTO dropped (topic, offset) VALUES (?, ?)
       ON CONFLICT (topic) DO UPDATE SET offset = max(offset, excluded.offset)`,
    );
    const dropped = this.#db.transaction(() => {
      const last = new Map<string, number>();
      const rows = drop.all(before, TIDY_ROWS);
      for (const { topic, offset } of rows) last.set(topic, Math.max(offset, last.get(topic) ?? 0));
      for (const [topic, offset] of last) note.run(topic, offset);
      return rows.length;
    })();
    if (dropped === TIDY_ROWS) this.#more = this.#clock.after(TIDY_PAUSE_MS, () => this.#dropOld());
    this.#db.prepare(COMPACT).run(before);
    this.#db.prepare('DELETE FROM published WHERE appended < ?').run(this.#clock.wall() - REMEMBERED_MS);
  }

  readonly unreadable = 0;

  async lag(): Promise<Lag[]> {
    return [];
  }

  async ready(): Promise<void> {
    this.#db.prepare('SELECT 1 FROM progress LIMIT 1').get();
  }

  async close(): Promise<void> {
    this.#tidy.cancel();
    this.#more?.cancel();
    this.#look.cancel();
    await Promise.all([...this.#tails].map((tail) => tail.stop()));
    this.#db.close();
  }
}
