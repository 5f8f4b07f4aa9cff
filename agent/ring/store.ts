import { randomBytes } from 'node:crypto';
import Database from 'better-sqlite3';
import type { ReadingRow } from '../../core/contract/batch.js';
import type { RingEvent, Summary } from '../../core/contract/messages.js';
import type { Range } from '../../core/contract/ranges.js';
import { unpackQuality } from '../../core/quality.js';
import type { Channel } from '../../core/reading.js';
import type { Stream } from '../../core/stream.js';
import type { Quantity } from '../../core/units.js';
import type { StoredReading } from './port.js';
import { READ_CELLS, unpackRows, WRITE_CELLS } from './rows.js';
import { type Segment, SegmentTimes } from './segments.js';
import { type Limits, thin, wholeSlots } from './thin.js';

/**
 * The ring's file. WAL with synchronous=FULL: when commit returns, the rows survive a power cut.
 *
 * A row of `readings` is small integers only (≤ 32 bytes of file). Times: `mono` is ms since boot, and the row's
 * segment says which boot, and how far its wall clock and its timeline were ahead of `mono`; so setting the clock
 * later corrects one segment, not a million rows. `device_ms` is there when the device gave the time itself.
 * A row of `receipts` holds those of one commit: pairs of packet id and digest, as doubles.
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
  CREATE TABLE IF NOT EXISTS summaries (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS receipt_groups (n INTEGER PRIMARY KEY, pairs BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
`;

export interface ChannelRow extends Channel {
  id: number;
}

/** Receipts kept at least: brokers have hundreds of messages under way unconfirmed, whatever window they are set to. */
export const RECEIPTS_KEPT = 8192;

/** What a commit drops to make room: rows up to these seqs (0: none); those in `thin` are summed up first. */
export interface Room {
  readings: number;
  events: number;
  summaries: number;
  thin: readonly Range[];
}

/** Everything of one group commit: all of it becomes durable, or none. */
export interface Commit {
  channels: ChannelRow[];
  segments: Segment[];
  /** WRITE_CELLS a row. */
  readings: Float64Array<ArrayBuffer>;
  events: { seq: number; event: RingEvent }[];
  state: [key: string, json: string][];
  /** Pairs of packet id and digest. */
  receipts: Float64Array<ArrayBuffer>;
  room: Room;
}

/** A commit of state and receipts, without rows. */
export function stateCommit(
  state: Commit['state'],
  receipts: Commit['receipts'] = new Float64Array(),
): Commit {
  const room = { readings: 0, events: 0, summaries: 0, thin: [] };
  const rows = { channels: [], segments: [], readings: new Float64Array(), events: [] };
  return { ...rows, state, receipts, room };
}

/** First and last seq of a table; 0 and 0 when it is empty. */
export interface Span {
  tail: number;
  head: number;
}

export interface Opened {
  epoch: string;
  channels: ChannelRow[];
  segments: Segment[];
  spans: Record<Stream, Span>;
  lastTimeline: number | null;
  /** When the last stored reading was measured, and in which boot. */
  last: { measuredAt: number; boot: string } | null;
  state: [key: string, json: string][];
  /** Pairs of packet id and digest, oldest first. */
  receipts: Float64Array;
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

type Cells = [
  channel: number,
  segment: number,
  mono: number,
  deviceMs: number | null,
  milli: number,
  quality: number,
];

/** Synchronous and single-threaded: it lives in the ring's worker, off the thread that samples and alarms. */
export class RingStore {
  readonly #db: Database.Database;
  readonly #insertReading;
  readonly #selectCells;
  readonly #limits: ReadonlyMap<string, Limits>;
  readonly #channels = new Map<number, Channel>();
  /** How many pairs each row of receipts has, oldest first. */
  readonly #receiptGroups: { n: number; pairs: number }[];
  #times: SegmentTimes;

  constructor(file: string, limits: ReadonlyMap<string, Limits> = new Map()) {
    this.#limits = limits;
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
    this.#selectCells = this.#db
      .prepare<[number, number], Cells>(
        'SELECT channel, segment, mono, device_ms, milli, quality FROM readings WHERE seq BETWEEN ? AND ? ORDER BY seq',
      )
      .raw();
    this.#times = new SegmentTimes(this.#segments());
    for (const channel of this.#channelRows()) this.#channels.set(channel.id, channel);
    this.#receiptGroups = this.#db
      .prepare('SELECT n, length(pairs) / 16 AS pairs FROM receipt_groups ORDER BY n')
      .all() as { n: number; pairs: number }[];
  }

  open(): Opened {
    const epoch = this.#db.prepare("SELECT value FROM meta WHERE key = 'epoch'").pluck().get() as string;
    const state = this.#db.prepare('SELECT key, value FROM state').raw().all() as [string, string][];
    const spans = {
      readings: this.spanOf('readings'),
      events: this.spanOf('events'),
      summaries: this.spanOf('summaries'),
    };
    return {
      epoch,
      channels: this.#channelRows(),
      segments: this.#segments(),
      spans,
      ...this.#last(spans.readings.head),
      state,
      receipts: this.#receipts(),
    };
  }

  /** One edge a query: together, min and max would read the whole table. */
  spanOf(stream: Stream): Span {
    const edge = (which: 'min' | 'max') =>
      this.#db.prepare(`SELECT coalesce(${which}(seq), 0) FROM ${stream}`).pluck().get() as number;
    return { tail: edge('min'), head: edge('max') };
  }

  #channelRows(): ChannelRow[] {
    return this.#db.prepare('SELECT id, sensor, quantity FROM channels').all() as ChannelRow[];
  }

  #segments(): Segment[] {
    const rows = this.#db
      .prepare(
        'SELECT id, boot, wall_offset AS wallOffset, timeline_offset AS timelineOffset, synchronised FROM segments ORDER BY id',
      )
      .all() as (Omit<Segment, 'synchronised'> & { synchronised: number })[];
    return rows.map((row) => ({ ...row, synchronised: row.synchronised === 1 }));
  }

  #last(head: number): Pick<Opened, 'last' | 'lastTimeline'> {
    const [row] = head === 0 ? [] : this.#selectCells.all(head, head);
    const segment = row && this.#segments().find(({ id }) => id === row[1]);
    if (!row || !segment) return { last: null, lastTimeline: null };
    const measuredAt = row[2] + this.#times.of(segment.id).offset;
    return { last: { measuredAt, boot: segment.boot }, lastTimeline: row[2] + segment.timelineOffset };
  }

  #receipts(): Float64Array {
    const groups = this.#db.prepare('SELECT pairs FROM receipt_groups ORDER BY n').pluck().all() as Buffer[];
    return new Float64Array(new Uint8Array(Buffer.concat(groups)).buffer);
  }

  /** Returns what summaries there are after it. */
  commit(commit: Commit): Span {
    this.#db.transaction(() => {
      for (const c of commit.channels)
        this.#run('INSERT INTO channels VALUES (?, ?, ?)', c.id, c.sensor, c.quantity);
      for (const { id, boot, wallOffset, timelineOffset, synchronised } of commit.segments) {
        const row = [id, boot, wallOffset, timelineOffset, synchronised ? 1 : 0];
        this.#run('INSERT INTO segments VALUES (?, ?, ?, ?, ?)', ...row);
      }
      this.#makeRoom(commit.room);
      this.#insertReadings(commit.readings);
      for (const { seq, event } of commit.events)
        this.#run('INSERT INTO events VALUES (?, ?)', seq, JSON.stringify(event));
      for (const [key, json] of commit.state)
        this.#run('INSERT OR REPLACE INTO state VALUES (?, ?)', key, json);
      this.#keepReceipts(commit.receipts);
    })();
    for (const channel of commit.channels) this.#channels.set(channel.id, channel);
    if (commit.segments.length > 0) this.#times = new SegmentTimes(this.#segments());
    return this.spanOf('summaries');
  }

  #makeRoom({ readings, events, summaries, thin: ranges }: Room): void {
    if (summaries > 0) this.#run('DELETE FROM summaries WHERE seq <= ?', summaries);
    let { head } = this.spanOf('summaries');
    for (const range of ranges) {
      for (const summary of thin(this.#rows(range), this.#limits)) {
        head += 1;
        this.#run('INSERT INTO summaries VALUES (?, ?)', head, JSON.stringify(summary));
      }
    }
    if (readings > 0) this.#run('DELETE FROM readings WHERE seq <= ?', readings);
    if (events > 0) this.#run('DELETE FROM events WHERE seq <= ?', events);
  }

  #insertReadings(cells: Float64Array): void {
    const insert = this.#insertReading;
    for (let at = 0; at < cells.length; at += WRITE_CELLS) {
      const deviceMs = cells[at + 4]!;
      insert.run(
        cells[at],
        cells[at + 1],
        cells[at + 2],
        cells[at + 3],
        Number.isNaN(deviceMs) ? null : deviceMs,
        cells[at + 5],
        cells[at + 6],
      );
    }
  }

  /** One row for all receipts of a commit; the oldest go once enough are left without them. */
  #keepReceipts(cells: Float64Array<ArrayBuffer>): void {
    if (cells.length === 0) return;
    const groups = this.#receiptGroups;
    const n = (groups.at(-1)?.n ?? 0) + 1;
    this.#run('INSERT INTO receipt_groups VALUES (?, ?)', n, Buffer.from(cells.buffer));
    groups.push({ n, pairs: cells.length / 2 });
    let kept = groups.reduce((sum, { pairs }) => sum + pairs, 0);
    let through = 0;
    while (kept - groups[0]!.pairs >= RECEIPTS_KEPT) {
      const oldest = groups.shift()!;
      kept -= oldest.pairs;
      through = oldest.n;
    }
    if (through > 0) this.#run('DELETE FROM receipt_groups WHERE n <= ?', through);
  }

  #run(sql: string, ...values: unknown[]): void {
    this.#db.prepare(sql).run(...values);
  }

  /** Rows of a range as READ_CELLS. */
  readings([from, to]: Range): Float64Array<ArrayBuffer> {
    const rows = this.#selectCells.all(from, to);
    const cells = new Float64Array(rows.length * READ_CELLS);
    let at = 0;
    for (const [channel, segment, mono, deviceMs, milli, quality] of rows) {
      const { offset, estimated } = this.#times.of(segment);
      cells[at] = channel;
      cells[at + 1] = deviceMs ?? mono + offset;
      cells[at + 2] = deviceMs === null && estimated ? 1 : 0;
      cells[at + 3] = milli;
      cells[at + 4] = quality;
      at += READ_CELLS;
    }
    return cells;
  }

  #rows(range: Range): ReadingRow[] {
    const rows = unpackRows(this.readings(range), (id) => this.#channels.get(id));
    if (!rows) throw Object.assign(new Error('a row names no channel'), { code: 'SQLITE_CORRUPT' });
    return rows;
  }

  replay(seq: number, limit: number): StoredReading[] {
    const rows = this.#db
      .prepare<[number, number], RawRow>(
        `SELECT seq, sensor, quantity, segment, mono, device_ms, milli, quality
         FROM readings CROSS JOIN channels ON channels.id = channel WHERE seq > ? ORDER BY seq LIMIT ?`,
      )
      .all(seq, limit);
    return rows.map((row) => ({
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

  events = (range: Range): RingEvent[] => this.#bodies('events', range) as RingEvent[];
  summaries = (range: Range): Summary[] => this.#bodies('summaries', range) as Summary[];

  #bodies(table: 'events' | 'summaries', [from, to]: Range): unknown[] {
    const bodies = this.#db.prepare(`SELECT body FROM ${table} WHERE seq BETWEEN ? AND ? ORDER BY seq`);
    return (bodies.pluck().all(from, to) as string[]).map((body) => JSON.parse(body) as unknown);
  }

  /** Where in a range that exists thinning should stop, so that quarters of an hour stay whole. */
  wholeSlots([from, to]: Range): number {
    return from - 1 + wholeSlots(this.#rows([from, to]).map((row) => row.measuredAt));
  }

  /** First and last time in a range that exists, for naming a gap. */
  times(stream: 'readings' | 'summaries', range: Range): { sinceMs: number; untilMs: number } {
    const spans =
      stream === 'readings'
        ? this.#rows(range).map(({ measuredAt }) => ({ since: measuredAt, until: measuredAt }))
        : this.summaries(range);
    return {
      sinceMs: spans.reduce((min, { since }) => Math.min(min, since), Number.POSITIVE_INFINITY),
      untilMs: spans.reduce((max, { until }) => Math.max(max, until), 0),
    };
  }

  /** A whole copy, in a file that does not exist yet. */
  copyTo(path: string): void {
    this.#db.prepare('VACUUM INTO ?').run(path);
  }

  close(): void {
    this.#db.close();
  }
}
