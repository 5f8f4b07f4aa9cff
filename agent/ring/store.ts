import Database from 'better-sqlite3';
import { asMono, asTimeline, asWall } from '../../core/clock/clock.js';
import type { ReadingRow } from '../../core/contract/batch.js';
import type { RingEvent, Summary } from '../../core/contract/messages.js';
import type { Range } from '../../core/contract/ranges.js';
import type { AllowedRange } from '../../core/detect/allowed.js';
import { jsonOf } from '../../core/payload.js';
import { unpackQuality } from '../../core/quality.js';
import type { Channel } from '../../core/reading.js';
import type { Stream } from '../../core/stream.js';
import type { Quantity } from '../../core/units.js';
import type { StoredReading } from './port.js';
import { READ_CELLS, unpackRows, WRITE_CELLS } from './rows.js';
import { type Segment, SegmentTimes } from './segments.js';
import { type Cell, isWhole, sumOf } from './sums.js';
import {
  checkEdges,
  damaged,
  inOrder,
  prepareTables,
  readMeta,
  readSmall,
  type Span,
  type Spans,
  spanOf,
  spansOf,
  type Write,
  writeEdges,
  writer,
} from './tables.js';
import { thin, wholeSlots } from './thin.js';

export interface ChannelRow extends Channel {
  id: number;
}

/** Receipts kept at least: brokers have hundreds of messages under way unconfirmed, whatever window they are set to. */
export const RECEIPTS_KEPT = 8192;

/** So many commits may write rows alone, and no page beside them. */
const UNNOTED_MAX = 3;
/** A packet id and a digest, as doubles. */
export const RECEIPT_BYTES = 16;
/** The state in which LastKnown is kept. */
export const LAST_KNOWN = 'last_known';

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

export interface Opened {
  epoch: string;
  channels: ChannelRow[];
  segments: Segment[];
  spans: Spans;
  lastTimeline: number | null;
  /** When the last stored reading was measured, and in which boot. */
  last: { measuredAt: number; boot: string } | null;
  state: [key: string, json: string][];
  /** Pairs of packet id and digest, oldest first. */
  receipts: Float64Array;
}

/** Where the sensors' timeline was, and what was measured last: kept as state when the rows themselves are elsewhere. */
export interface LastKnown {
  timeline: number;
  measuredAt: number;
  boot: string;
}

type Cells = [
  seq: number,
  channel: number,
  segment: number,
  mono: number,
  deviceMs: number | null,
  milli: number,
  quality: number,
  sum: number | null,
];

/** Synchronous and single-threaded: it lives in the ring's worker, off the thread that samples and alarms. */
export class RingStore {
  readonly #db: Database.Database;
  readonly #write: Write;
  readonly #insertReading;
  readonly #selectCells;
  readonly #limits: ReadonlyMap<string, AllowedRange>;
  readonly #channels = new Map<number, Channel>();
  /** How many pairs each row of receipts has, oldest first. */
  readonly #receiptGroups: { n: number; pairs: number }[];
  readonly #epoch: string;
  readonly #summedFrom: Record<Stream, number>;
  #times: SegmentTimes;
  /** Commits since it was noted which rows there are. */
  #unnoted = 0;

  /** WAL with synchronous=FULL: when commit returns, the rows survive a power cut. Throws when the file is damaged. */
  constructor(file: string, limits: ReadonlyMap<string, AllowedRange> = new Map()) {
    this.#limits = limits;
    this.#db = new Database(file);
    try {
      this.#db.pragma('journal_mode = WAL');
      this.#db.pragma('synchronous = FULL');
      prepareTables(this.#db);
      ({ epoch: this.#epoch, summedFrom: this.#summedFrom } = readMeta(this.#db));
      this.#write = writer(this.#db);
      this.#insertReading = this.#db.prepare('INSERT INTO readings VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
      this.#selectCells = this.#db
        .prepare<[number, number], Cells>('SELECT * FROM readings WHERE seq BETWEEN ? AND ? ORDER BY seq')
        .raw();
      this.#times = new SegmentTimes(this.#segments());
      for (const channel of this.#channelRows()) this.#channels.set(channel.id, channel);
      const groups = readSmall(this.#db, 'receipt_groups') as [number, Buffer][];
      this.#receiptGroups = groups.map(([n, bytes]) => ({ n, pairs: bytes.length / RECEIPT_BYTES }));
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  /** Throws when a row that is read whole, or an end of a stream, is not as it was written. */
  open(): Opened {
    const state = readSmall(this.#db, 'state') as [string, string][];
    const spans = checkEdges(this.#db, state);
    return {
      epoch: this.#epoch,
      channels: this.#channelRows(),
      segments: this.#segments(),
      spans,
      ...this.#last(spans.readings.head, state),
      state,
      receipts: this.#receipts(),
    };
  }

  spanOf = (stream: Stream): Span => spanOf(this.#db, stream);

  #channelRows(): ChannelRow[] {
    const rows = readSmall(this.#db, 'channels') as [number, string, Quantity][];
    return rows.map(([id, sensor, quantity]) => ({ id, sensor, quantity }));
  }

  #segments(): Segment[] {
    const rows = readSmall(this.#db, 'segments') as [number, string, number, number, number][];
    return rows.map(([id, boot, wallOffset, timelineOffset, synchronised]) => {
      return { id, boot, wallOffset, timelineOffset, synchronised: synchronised === 1 };
    });
  }

  #last(head: number, state: readonly [string, string][]): Pick<Opened, 'last' | 'lastTimeline'> {
    const [row] = head === 0 ? [] : this.#selectCells.all(head, head);
    const segment = row && this.#isWhole(row) && this.#segments().find(({ id }) => id === row[2]);
    const known: LastKnown[] = [];
    if (row && segment) {
      const [timeline, measuredAt] = [
        row[3] + segment.timelineOffset,
        row[3] + this.#times.of(segment.id)!.offset,
      ];
      known.push({ timeline, measuredAt, boot: segment.boot });
    }
    const json = state.find(([key]) => key === LAST_KNOWN)?.[1];
    if (json !== undefined) known.push(JSON.parse(json) as LastKnown);
    const [last] = known.sort((a, b) => b.timeline - a.timeline);
    if (!last) return { last: null, lastTimeline: null };
    return { last: { measuredAt: last.measuredAt, boot: last.boot }, lastTimeline: last.timeline };
  }

  /** As it was written, of a channel and a segment that exist. */
  #isWhole(row: Cells): boolean {
    const summed = row[7] !== null || row[0] >= this.#summedFrom.readings;
    return (
      (!summed || isWhole('readings', row)) &&
      this.#channels.has(row[1]) &&
      this.#times.of(row[2]) !== undefined
    );
  }

  #receipts(): Float64Array {
    const groups = (readSmall(this.#db, 'receipt_groups') as [number, Buffer][]).map(([, bytes]) => bytes);
    return new Float64Array(new Uint8Array(Buffer.concat(groups)).buffer);
  }

  /** Returns what summaries there are after it. */
  commit(commit: Commit): Span {
    this.#db.transaction(() => {
      for (const { id, sensor, quantity } of commit.channels) this.#write('channels', [id, sensor, quantity]);
      for (const { id, boot, wallOffset, timelineOffset, synchronised } of commit.segments) {
        this.#write('segments', [id, boot, wallOffset, timelineOffset, synchronised ? 1 : 0]);
      }
      this.#makeRoom(commit.room);
      this.#insertReadings(commit.readings);
      for (const { seq, event } of commit.events) this.#addBody('events', seq, event);
      for (const [key, json] of commit.state) this.#keepState(key, json);
      this.#unnoted += 1;
      if (this.#unnoted > UNNOTED_MAX || commit.state.length > 0 || makesRoom(commit)) this.#noteEdges();
      this.#keepReceipts(commit.receipts);
    })();
    for (const channel of commit.channels) this.#channels.set(channel.id, channel);
    if (commit.segments.length > 0) this.#times = new SegmentTimes(this.#segments());
    return this.spanOf('summaries');
  }

  #noteEdges(): void {
    writeEdges(this.#write, spansOf(this.#db));
    this.#unnoted = 0;
  }

  #makeRoom({ readings, events, summaries, thin: ranges }: Room): void {
    if (summaries > 0) this.#run('DELETE FROM summaries WHERE seq <= ?', summaries);
    let { head } = this.spanOf('summaries');
    for (const range of ranges) {
      for (const summary of thin(this.#rows(range), this.#limits)) {
        head += 1;
        this.#addBody('summaries', head, summary);
      }
    }
    if (readings > 0) this.#run('DELETE FROM readings WHERE seq <= ?', readings);
    if (events > 0) this.#run('DELETE FROM events WHERE seq <= ?', events);
  }

  #insertReadings(cells: Float64Array): void {
    const insert = this.#insertReading;
    for (let at = 0; at < cells.length; at += WRITE_CELLS) {
      const deviceMs = Number.isNaN(cells[at + 4]) ? null : cells[at + 4]!;
      const [seq, channel, segment, mono] = [cells[at]!, cells[at + 1]!, cells[at + 2]!, cells[at + 3]!];
      const row = [seq, channel, segment, mono, deviceMs, cells[at + 5]!, cells[at + 6]!];
      insert.run(...row, sumOf('readings', row));
    }
  }

  #addBody(table: 'events' | 'summaries', seq: number, body: unknown): void {
    const json = JSON.stringify(body);
    this.#run(`INSERT INTO ${table} VALUES (?, ?, ?)`, seq, json, sumOf(table, [seq, json]));
  }

  /** What is kept as null is kept no longer. */
  #keepState(key: string, json: string): void {
    if (json === 'null') this.#run('DELETE FROM state WHERE key = ?', key);
    else this.#write('state', [key, json]);
  }

  /** One row for all receipts of a commit; the oldest go once enough are left without them. */
  #keepReceipts(cells: Float64Array<ArrayBuffer>): void {
    if (cells.length === 0) return;
    const groups = this.#receiptGroups;
    const n = (groups.at(-1)?.n ?? 0) + 1;
    this.#write('receipt_groups', [n, Buffer.from(cells.buffer)]);
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

  /** Rows of a range as READ_CELLS; a row that is not as it was written has no channel (NaN). */
  readings([from, to]: Range): Float64Array<ArrayBuffer> {
    return this.#cellsOf(this.#select(from, to));
  }

  #select = (from: number, to: number) => inOrder(this.#selectCells.all(from, to), from, to);

  #cellsOf(rows: readonly Cells[]): Float64Array<ArrayBuffer> {
    const cells = new Float64Array(rows.length * READ_CELLS);
    let at = 0;
    for (const row of rows) {
      const [, channel, segment, mono, deviceMs, milli, quality] = row;
      const times = this.#isWhole(row) ? this.#times.of(segment) : undefined;
      cells[at] = times ? channel : Number.NaN;
      if (times) {
        cells[at + 1] = deviceMs ?? mono + times.offset;
        cells[at + 2] = deviceMs === null && times.estimated ? 1 : 0;
        cells[at + 3] = milli;
        cells[at + 4] = quality;
      }
      at += READ_CELLS;
    }
    return cells;
  }

  #rows(range: Range): ReadingRow[] {
    const { rows, bad } = unpackRows(this.readings(range), (id) => this.#channels.get(id));
    if (bad.length > 0) throw damaged('rows that were whole are so no longer');
    return rows as ReadingRow[];
  }

  /** Rows that are not as they were written are left out: rules go on with what is true. */
  replay(seq: number, limit: number): StoredReading[] {
    const rows = this.#select(seq + 1, seq + limit);
    return rows.flatMap((row) => {
      const [at, channel, segment, mono, deviceMs, milli, quality] = row;
      const times = this.#times.of(segment);
      if (!times || !this.#isWhole(row)) return [];
      const reading = {
        ...this.#channels.get(channel)!,
        milli,
        ...unpackQuality(quality),
        monoMs: asMono(mono),
        wallMs: asWall(mono + times.offset),
        atMs: asTimeline(deviceMs ?? mono + times.timelineOffset),
        ...(deviceMs === null ? {} : { deviceMs: asWall(deviceMs) }),
      };
      return [{ seq: at, reading }];
    });
  }

  /** Undefined in the place of a row that is not as it was written. */
  events = (range: Range) => this.#bodies('events', range) as (RingEvent | undefined)[];
  summaries = (range: Range) => this.#bodies('summaries', range) as (Summary | undefined)[];

  #bodies(table: 'events' | 'summaries', [from, to]: Range): unknown[] {
    const rows = this.#db
      .prepare<[number, number], Cell[]>(`SELECT * FROM ${table} WHERE seq BETWEEN ? AND ? ORDER BY seq`)
      .raw()
      .all(from, to) as [number, string, number | null][];
    return inOrder(rows, from, to).map((row) => {
      const summed = row[2] !== null || row[0] >= this.#summedFrom[table];
      return summed && !isWhole(table, row) ? undefined : jsonOf(row[1]);
    });
  }

  /** Where in a range thinning should stop, so that quarters of an hour stay whole; and what in it is damaged. */
  wholeSlots([from, to]: Range): { through: number; bad: number[] } {
    const rows = this.#select(from, to);
    const cells = this.#cellsOf(rows);
    const bad = rows.flatMap(([seq], i) => (Number.isNaN(cells[i * READ_CELLS]) ? [seq] : []));
    const times: number[] = [];
    for (let at = 1; at < cells.length; at += READ_CELLS) times.push(cells[at] || (times.at(-1) ?? 0));
    const whole = wholeSlots(times);
    return { through: whole === rows.length ? to : rows[whole - 1]![0], bad };
  }

  /** First and last time in a range that exists, for naming a gap. */
  times(stream: 'readings' | 'summaries', range: Range): { sinceMs: number; untilMs: number } {
    const spans =
      stream === 'readings'
        ? this.#rows(range).map(({ measuredAt }) => ({ since: measuredAt, until: measuredAt }))
        : this.summaries(range).filter((summary) => summary !== undefined);
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
    try {
      if (this.#unnoted > 0) this.#noteEdges();
    } catch {
      // A card that takes nothing any more has what was noted last.
    }
    this.#db.close();
  }
}

const makesRoom = ({ room }: Commit) => room.readings + room.events + room.summaries > 0;
