import { randomBytes } from 'node:crypto';
import Database from 'better-sqlite3';
import type { ReadingRow } from '../../core/contract/batch.js';
import type { RingEvent } from '../../core/contract/messages.js';
import type { Range } from '../../core/contract/ranges.js';
import { unpackQuality } from '../../core/quality.js';
import type { Quantity } from '../../core/units.js';
import type { StoredReading } from './port.js';
import { type Segment, SegmentTimes } from './segments.js';

/**
 * The ring's file. WAL with synchronous=FULL: when commit returns, the rows survive a power cut.
 *
 * A row of `readings` is small integers only (≤ 32 bytes of file). Times: `mono` is ms since boot, and the row's
 * segment says which boot, and how far its wall clock and its timeline were ahead of `mono`; so setting the clock
 * later corrects one segment, not a million rows. `device_ms` is there when the device gave the time itself.
 */
export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS channels (id INTEGER PRIMARY KEY, sensor TEXT NOT NULL, quantity TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS segments (
    id INTEGER PRIMARY KEY, boot TEXT NOT NULL, wall_offset INTEGER NOT NULL,
    timeline_offset INTEGER NOT NULL, synchronised INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS readings (
    seq INTEGER PRIMARY KEY, channel INTEGER NOT NULL, segment INTEGER NOT NULL, mono INTEGER NOT NULL,
    device_ms INTEGER, milli INTEGER NOT NULL, quality INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS receipts (slot INTEGER PRIMARY KEY, n INTEGER NOT NULL, id INTEGER NOT NULL, digest TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
`;

export interface ChannelRow {
  id: number;
  sensor: string;
  quantity: Quantity;
}

/** Columns of readings to be written; one entry of each per row, `deviceMs` NaN where there is none. */
export interface ReadingColumns {
  from: number;
  channel: number[];
  segment: number[];
  mono: number[];
  deviceMs: number[];
  milli: number[];
  quality: number[];
}

/** One message taken from a broker: its packet id, and a digest of what it said. */
export type ReceiptRow = readonly [id: number, digest: string];

/** Receipts kept: brokers have hundreds of messages under way unconfirmed, whatever window they are set to. */
export const RECEIPTS_KEPT = 8192;

/** Everything of one group commit: all of it becomes durable, or none. */
export interface Commit {
  channels: ChannelRow[];
  segments: Segment[];
  readings: ReadingColumns;
  events: { seq: number; event: RingEvent }[];
  state: [key: string, json: string][];
  receipts: ReceiptRow[];
  /** Rows up to these seqs are dropped to make room; 0 for none. */
  evictReadings: number;
  evictEvents: number;
}

export interface Opened {
  epoch: string;
  channels: ChannelRow[];
  segments: Segment[];
  readings: { tail: number; head: number };
  events: { tail: number; head: number };
  lastTimeline: number | null;
  state: [key: string, json: string][];
  /** Oldest first. */
  receipts: ReceiptRow[];
}

interface RawRow {
  seq: number;
  sensor: string;
  quantity: Quantity;
  segment: number;
  mono: number;
  device_ms: number | null;
  milli: number;
  quality: number;
}

/** Synchronous and single-threaded: it lives in the ring's worker, off the thread that samples and alarms. */
export class RingStore {
  readonly #db: Database.Database;
  readonly #insertReading;
  readonly #insertEvent;
  readonly #selectRange;
  readonly #insertReceipt;
  #times: SegmentTimes;
  #receipts: number;

  constructor(file: string) {
    this.#db = new Database(file);
    this.#db.pragma('journal_mode = WAL');
    this.#db.pragma('synchronous = FULL');
    this.#db.exec(SCHEMA);
    this.#db
      .prepare("INSERT INTO meta (key, value) VALUES ('epoch', ?) ON CONFLICT DO NOTHING")
      .run(randomBytes(8).toString('hex'));
    this.#insertReading = this.#db.prepare(
      'INSERT INTO readings (seq, channel, segment, mono, device_ms, milli, quality) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#insertEvent = this.#db.prepare('INSERT INTO events (seq, body) VALUES (?, ?)');
    this.#insertReceipt = this.#db.prepare('INSERT OR REPLACE INTO receipts VALUES (?, ?, ?, ?)');
    this.#receipts = this.#db.prepare('SELECT coalesce(max(n), 0) FROM receipts').pluck().get() as number;
    this.#selectRange = this.#db.prepare<[number, number], RawRow>(`
      SELECT seq, sensor, quantity, segment, mono, device_ms, milli, quality
      FROM readings CROSS JOIN channels ON channels.id = channel WHERE seq BETWEEN ? AND ? ORDER BY seq`);
    this.#times = new SegmentTimes(this.#segments());
  }

  open(): Opened {
    // One edge a query: together, min and max would read the whole table.
    const edge = (table: string, which: 'min' | 'max') =>
      this.#db.prepare(`SELECT coalesce(${which}(seq), 0) FROM ${table}`).pluck().get() as number;
    const span = (table: string) => ({ tail: edge(table, 'min'), head: edge(table, 'max') });
    const epoch = this.#db.prepare("SELECT value FROM meta WHERE key = 'epoch'").pluck().get() as string;
    const state = this.#db.prepare('SELECT key, value FROM state').raw().all() as [string, string][];
    return {
      epoch,
      channels: this.#db.prepare('SELECT id, sensor, quantity FROM channels').all() as ChannelRow[],
      segments: this.#segments(),
      readings: span('readings'),
      events: span('events'),
      lastTimeline: this.#lastTimeline(),
      state,
      receipts: this.#db.prepare('SELECT id, digest FROM receipts ORDER BY n').raw().all() as ReceiptRow[],
    };
  }

  #segments(): Segment[] {
    const rows = this.#db
      .prepare(
        'SELECT id, boot, wall_offset AS wallOffset, timeline_offset AS timelineOffset, synchronised FROM segments ORDER BY id',
      )
      .all() as (Omit<Segment, 'synchronised'> & { synchronised: number })[];
    return rows.map((row) => ({ ...row, synchronised: row.synchronised === 1 }));
  }

  #lastTimeline(): number | null {
    const value = this.#db
      .prepare(
        `SELECT mono + (SELECT timeline_offset FROM segments WHERE id = segment)
         FROM readings ORDER BY seq DESC LIMIT 1`,
      )
      .pluck()
      .get();
    return (value as number | undefined) ?? null;
  }

  commit(commit: Commit): void {
    this.#db.transaction(() => {
      for (const c of commit.channels)
        this.#run('INSERT INTO channels VALUES (?, ?, ?)', c.id, c.sensor, c.quantity);
      for (const s of commit.segments) {
        const sync = s.synchronised ? 1 : 0;
        this.#run(
          'INSERT INTO segments VALUES (?, ?, ?, ?, ?)',
          s.id,
          s.boot,
          s.wallOffset,
          s.timelineOffset,
          sync,
        );
      }
      if (commit.evictReadings > 0) this.#run('DELETE FROM readings WHERE seq <= ?', commit.evictReadings);
      if (commit.evictEvents > 0) this.#run('DELETE FROM events WHERE seq <= ?', commit.evictEvents);
      this.#insertReadings(commit.readings);
      for (const { seq, event } of commit.events) this.#insertEvent.run(seq, JSON.stringify(event));
      commit.receipts.forEach(([id, digest], i) => {
        const n = this.#receipts + i + 1;
        this.#insertReceipt.run(n % RECEIPTS_KEPT, n, id, digest);
      });
      for (const [key, json] of commit.state)
        this.#run('INSERT OR REPLACE INTO state VALUES (?, ?)', key, json);
    })();
    this.#receipts += commit.receipts.length;
    if (commit.segments.length > 0) this.#times = new SegmentTimes(this.#segments());
  }

  #insertReadings(rows: ReadingColumns): void {
    for (let i = 0; i < rows.mono.length; i++) {
      const deviceMs = rows.deviceMs[i]!;
      this.#insertReading.run(
        rows.from + i,
        rows.channel[i],
        rows.segment[i],
        rows.mono[i],
        Number.isNaN(deviceMs) ? null : deviceMs,
        rows.milli[i],
        rows.quality[i],
      );
    }
  }

  #run(sql: string, ...values: unknown[]): void {
    this.#db.prepare(sql).run(...values);
  }

  readings([from, to]: Range): ReadingRow[] {
    return this.#selectRange.all(from, to).map((row) => ({
      sensor: row.sensor,
      quantity: row.quantity,
      measuredAt: row.device_ms ?? row.mono + this.#times.of(row.segment).offset,
      estimated: row.device_ms === null && this.#times.of(row.segment).estimated,
      milli: row.milli,
      quality: row.quality,
    }));
  }

  replay(seq: number, limit: number): StoredReading[] {
    return this.#selectRange.all(seq + 1, seq + limit).map((row) => ({
      seq: row.seq,
      reading: {
        sensor: row.sensor,
        quantity: row.quantity,
        milli: row.milli,
        ...unpackQuality(row.quality),
        monoMs: row.mono,
        wallMs: row.mono + this.#times.of(row.segment).offset,
        atMs: row.device_ms ?? row.mono + this.#times.of(row.segment).timelineOffset,
        ...(row.device_ms === null ? {} : { deviceMs: row.device_ms }),
      },
    }));
  }

  events([from, to]: Range): RingEvent[] {
    const bodies = this.#db.prepare('SELECT body FROM events WHERE seq BETWEEN ? AND ? ORDER BY seq').pluck();
    return (bodies.all(from, to) as string[]).map((body) => JSON.parse(body) as RingEvent);
  }

  /** First and last time of measurement in a range that exists, for naming a gap. */
  span(range: Range): { sinceMs: number; untilMs: number } {
    const times = this.readings(range).map((row) => row.measuredAt);
    return { sinceMs: Math.min(...times), untilMs: Math.max(...times) };
  }

  close(): void {
    this.#db.close();
  }
}
