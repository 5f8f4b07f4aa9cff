import type { TimelineMs } from '../../core/clock/clock.js';
import type { ReadingRow } from '../../core/contract/batch.js';
import type { RingEvent, Summary } from '../../core/contract/messages.js';
import { rangeSetSchema } from '../../core/contract/range-schema.js';
import { countOf, type Range, type RangeSet, union } from '../../core/contract/ranges.js';
import { ColdwatchError, messageOf } from '../../core/errors.js';
import { LINGER } from '../../core/pace.js';
import { packQuality } from '../../core/quality.js';
import type { Reading } from '../../core/reading.js';
import { forStreams, STREAMS, type Stream } from '../../core/stream.js';
import { WorkerCalls } from './calls.js';
import { CardHealth } from './card-health.js';
import { Channels } from './channels.js';
import { FlushTimer } from './flush-timer.js';
import { Holes } from './holes.js';
import { MadeRoom } from './made-room.js';
import type { Pending } from './pending.js';
import type { Ring, RingOptions, RingStats, StoredReading } from './port.js';
import { RowReader } from './reader.js';
import { type PlannedRoom, planRoom, type Window, windowOf } from './room.js';
import { openSegments, type Segments } from './segments.js';
import { Sendable } from './sendable.js';
import type { Span } from './tables.js';
import { EVENTS_WAITING_MAX, WAITING_MAX, Waiting } from './waiting.js';
import type { OpenAnswer, RingRequest } from './worker.js';

/** A group is committed when it has this many rows, whatever its age. */
const GROUP_ROWS = 256;
/** With this many rows a group waits `flush` for more; with fewer, LINGER times as long: each commit wears the card. */
export const COMPANY_ROWS = 8;
/** Brokers stop sending at about 20 unconfirmed messages: with this many waiting, a group hurries. */
const GROUP_RECEIPTS = 16;
/** But not at once: of a broker that goes on sending, a few ms bring many more into the same commit. */
const RECEIPTS_WAIT_MS = 5;

/**
 * The ring on the thread that samples: it numbers rows and feeds the worker in groups, one commit at a time. While the
 * card refuses, rows are confirmed and sent from memory, under the numbers that they will have on the card: one that is
 * lost in a crash then was sent as what it is, and a number that is given out again is noticed (`learn`).
 */
export class RingClient implements Ring {
  readonly epoch: string;
  readonly #options: RingOptions;
  readonly #worker: WorkerCalls;
  readonly #segments: Segments;
  readonly #card: CardHealth;
  readonly #sendable: Sendable;
  readonly #channels: Channels;
  /** The last reading that was stored before this start. */
  readonly before: { measuredAt: number; boot: string } | null;
  /** As it was when the file was opened; later values live with whoever saves them. */
  readonly #state: ReadonlyMap<string, string>;
  readonly #storedReceipts: Float64Array;
  readonly #held: Record<Stream, RangeSet>;
  readonly #span: Record<Stream, Window>;
  readonly #waiting: Waiting;
  #committing: Promise<void> | undefined;
  readonly #timer: FlushTimer;
  readonly #holes: Holes;
  readonly #reader: RowReader;
  #commits = 0;
  #lastCommitMs = 0;
  readonly #madeRoom: MadeRoom;
  #closed = false;
  readonly #openedHead: number;
  /** No relay has been asked about this ring, since it was made where there was none. */
  #fresh: boolean;
  /** The first rows numbered since a relay last said what it holds; none of them can have been sent. */
  #firstNew: Record<Stream, number> | undefined;

  static async open(options: RingOptions): Promise<RingClient> {
    const {
      file,
      limits = new Map(),
      finished = false,
      onDamage = () => {},
      onRestored = () => {},
    } = options;
    const worker = new WorkerCalls({ file, limits, finished }, onDamage, onRestored);
    try {
      return new RingClient(options, worker, await worker.call<OpenAnswer>({ op: 'open' }));
    } catch (error) {
      await worker.close();
      throw error;
    }
  }

  private constructor(options: RingOptions, worker: WorkerCalls, opened: OpenAnswer) {
    this.#options = options;
    this.#worker = worker;
    this.#madeRoom = new MadeRoom(options.clock, options.onFull);
    this.epoch = opened.epoch;
    this.#segments = openSegments(options.clock, options.boot, opened.segments, opened.lastTimeline);
    this.#card = new CardHealth(options.clock, {
      onRefusing: () => this.#refused(),
      onHealth: (failure) => options.onHealth?.(failure),
    });
    this.#channels = new Channels(opened.channels);
    this.before = opened.last;
    this.#state = new Map(opened.state);
    this.#storedReceipts = opened.receipts;
    this.#held = forStreams((stream) =>
      rangeSetSchema.catch([]).parse(this.loadState(`held.${stream}`) ?? []),
    );
    this.#span = forStreams((stream) => windowOf(opened.spans[stream]));
    this.#waiting = new Waiting(opened.segments, (id) => this.#channels.of(id)!);
    this.#sendable = new Sendable(options, this.#card, this.#segments, opened.segments, this.#span);
    this.#firstNew = this.loadState('unlearned') as Record<Stream, number> | undefined;
    if (!this.#firstNew) {
      this.#firstNew = forStreams((stream) => this.#span[stream].head + 1);
      this.#waiting.next.state.set('unlearned', this.#firstNew);
    }
    this.#fresh = opened.fresh || this.loadState('fresh') === true;
    if (opened.fresh) this.#waiting.next.state.set('fresh', true);
    this.#openedHead = this.#span.readings.head;
    this.#timer = new FlushTimer(options.clock, () => void this.#flush(true));
    this.#holes = new Holes(
      (key) => this.loadState(key),
      (key, ranges) => this.#waiting.next.state.set(key, ranges),
    );
    this.#reader = new RowReader({
      call: (request) => this.#read(request),
      channelOf: this.#channels.of,
      tail: this.tail,
      onLost: (stream, rows) => this.#lose(stream, rows),
    });
  }

  head = (stream: Stream): number => this.#span[stream].head;
  tail = (stream: Stream): number => this.#span[stream].tail;
  durable = (stream: Stream): number => this.#span[stream].durable;
  sendable = (stream: Stream): number => this.#sendable.through(stream);
  withheld = (stream: Stream): RangeSet => this.#sendable.withheld(stream);
  held = (stream: Stream): RangeSet => union(this.#held[stream], this.#holes.of(stream));
  timeline = (): TimelineMs => this.#segments.timeline();

  append(reading: Reading): number {
    if (this.#waiting.next.rows >= WAITING_MAX) this.#shed('readings');
    const span = this.#span.readings;
    span.head += 1;
    const segment = this.#segments.current((fresh) => this.#waiting.addSegment(fresh));
    const channel = this.#channels.idOf(reading, (fresh) => this.#waiting.next.channels.push(fresh));
    const quality = packQuality(reading.quality, reading.reason);
    this.#waiting.next.addReading(span.head, channel, segment, reading, quality);
    if (reading.deviceMs === undefined) this.#sendable.numbered(span.head);
    this.#schedule();
    return span.head;
  }

  appendEvent(event: RingEvent): number {
    if (this.#waiting.next.events.length >= EVENTS_WAITING_MAX) this.#shed('events');
    const seq = ++this.#span.events.head;
    this.#waiting.next.events.push({ seq, event });
    if (this.#card.refusing) this.#options.onEvents?.();
    void this.#flush();
    return seq;
  }

  /** Memory is full while the card refuses. */
  #shed(stream: 'readings' | 'events'): void {
    const { gone, lost } = this.#waiting.shed(stream, this.#held[stream], this.#options.clock.wall());
    this.#holes.add(stream, gone);
    if (!lost) return;
    const which = stream === 'events' ? { stream } : {};
    this.appendEvent({ type: 'gap', gap: { reason: 'overwritten', ...which, ...lost } });
    this.#madeRoom.add({ thinned: 0, overwritten: lost.to - lost.from + 1 });
  }

  saveState(key: string, value: unknown): void {
    this.#waiting.next.state.set(key, value);
    this.#schedule();
  }

  loadState(key: string): unknown {
    const json = this.#state.get(key);
    return json === undefined ? undefined : JSON.parse(json);
  }

  whenKept(fn: () => void): void {
    if (this.#card.refusing) return fn();
    this.#waiting.next.confirmations.push(fn);
    this.#schedule();
  }

  hurry(): void {
    this.#timer.within(Math.max(this.#card.retryInMs, this.#options.flushMs));
  }

  saveDurably(key: string, value: unknown): Promise<void> {
    if (this.#options.file === ':memory:')
      return Promise.reject(new ColdwatchError('ring.unavailable', 'there is no card'));
    this.#waiting.next.state.set(key, value);
    return this.#onCard();
  }

  /** Rejects when the card does not take what is pending now. */
  #onCard(): Promise<void> {
    const { failure } = this.#card;
    if (failure !== null)
      return Promise.reject(new ColdwatchError('ring.unavailable', failure, { retry: true }));
    return new Promise((resolve, reject) => {
      this.#waiting.next.waiters.push({ resolve, reject });
      void this.#flush();
    });
  }

  addReceipt(id: number, digest: number): void {
    this.#waiting.next.addReceipt(id, digest);
  }

  receipts(): Float64Array {
    return this.#storedReceipts;
  }

  /** Not worth a commit of its own: the relay can always be asked again. */
  markHeld(stream: Stream, ranges: RangeSet): void {
    this.#held[stream] = ranges;
    this.#waiting.next.state.set(`held.${stream}`, ranges);
  }

  async learn(held: Record<Stream, RangeSet>, others = false): Promise<void> {
    const first = this.#firstNew;
    if (first && !this.#options.finished) {
      if (others && this.#fresh) this.#options.onVanished?.();
      this.#waiting.next.state.set('fresh', null);
      this.#fresh = false;
      if (STREAMS.some((stream) => (held[stream].at(-1)?.[1] ?? 0) >= first[stream])) {
        await this.#worker.call({ op: 'renumber', split: first });
        const why = 'this ring is an older copy of itself: the relay holds rows that it has numbered again';
        this.#options.onDamage?.(why);
        throw new ColdwatchError('ring.unavailable', why);
      }
      this.#firstNew = undefined;
      const tried = this.#sendable.tried;
      // Rows that follow go to the card with this note or not at all: sent from memory, they are never sent anew.
      this.#waiting.next.state.set('unlearned', null);
      await this.#onCard().catch(() => this.#sendable.unsettle(tried));
    }
    for (const stream of STREAMS) this.markHeld(stream, held[stream]);
  }

  async readReadings([from, to]: Range): Promise<ReadingRow[]> {
    const { durable } = this.#span.readings;
    const waiting = this.#waiting.readings([Math.max(from, durable + 1), to]);
    if (from > durable) return waiting;
    return [...(await this.#reader.readings([from, Math.min(to, durable)])), ...waiting];
  }

  async readEvents([from, to]: Range): Promise<RingEvent[]> {
    const { durable } = this.#span.events;
    const waiting = this.#waiting.events([Math.max(from, durable + 1), to]);
    if (from > durable) return waiting;
    return [...(await this.#reader.events([from, Math.min(to, durable)])), ...waiting];
  }

  readSummaries = (range: Range): Promise<Summary[]> => this.#reader.summaries(range);

  /** These rows are as good as gone; whoever opened this ring names them. */
  #lose(stream: Stream, rows: RangeSet): void {
    this.#holes.add(stream, rows);
    this.#options.onLost?.(stream, rows);
    this.#schedule();
  }

  /** What a card that refuses cannot give either is left until it is well: what waits in memory is sent meanwhile. */
  async #read<T>(request: RingRequest): Promise<T> {
    try {
      return await this.#worker.call<T>(request);
    } catch (error) {
      this.#sendable.unreadable = this.#card.refusing;
      throw error;
    }
  }
  replay = (seq: number, limit: number): Promise<StoredReading[]> =>
    this.#worker.call({ op: 'replay', seq, limit });

  stats(): RingStats {
    const { tail, head } = this.#span.readings;
    return {
      rows: head - tail + 1,
      capacity: this.#options.capacity,
      waiting: this.#waiting.rows,
      commits: this.#commits,
      lastCommitMs: this.#lastCommitMs,
      thinned: this.#madeRoom.thinned,
      overwritten: this.#madeRoom.overwritten,
      failure: this.#card.failure,
    };
  }

  /** Rejects while no ring can be kept in that file. */
  probe = (file: string): Promise<void> => this.#worker.call({ op: 'probe', file });

  /** Puts what this ring, which is in memory, holds on the card, for the next start to find. Then it is closed. */
  async moveTo(file: string): Promise<void> {
    await this.#flushed();
    await this.#worker.call({ op: 'move', file });
    await this.#worker.close();
  }

  async close(): Promise<void> {
    await this.#flushed();
    await this.#worker.close();
  }

  async #flushed(): Promise<void> {
    this.#closed = true;
    this.#timer.cancel();
    await this.#committing;
    if (!this.#waiting.next.empty) await this.#commit();
  }

  #schedule(): void {
    const { rows, confirmations } = this.#waiting.next;
    const { flushMs, withinMs = Number.POSITIVE_INFINITY } = this.#options;
    const { retryInMs } = this.#card;
    if (rows >= GROUP_ROWS && retryInMs === 0) return void this.#flush();
    // The first reading of a run is what somebody who has just plugged it in waits for.
    const first = this.#span.readings.durable === this.#openedHead;
    const calm = Math.min(withinMs, rows >= COMPANY_ROWS ? flushMs : flushMs * LINGER);
    const hurried = confirmations.length >= GROUP_RECEIPTS ? Math.min(calm, RECEIPTS_WAIT_MS) : calm;
    this.#timer.within(Math.max(retryInMs, first ? 0 : hurried));
  }

  /** Starts a commit of all that is pending, unless one is running: then what has gathered follows it. */
  #flush(due = false): Promise<void> {
    // A card that has just refused is left alone until it is due.
    if (this.#closed || (!due && this.#card.retryInMs > 0)) return Promise.resolve();
    this.#committing ??= this.#commit().finally(() => {
      this.#committing = undefined;
      if (this.#waiting.next.urgent) void this.#flush();
      else if (!this.#waiting.next.empty) this.#schedule();
    });
    return this.#committing;
  }

  async #commit(): Promise<void> {
    this.#timer.cancel();
    this.#card.began();
    try {
      const room = this.#waiting.next.room ?? (await this.#planRoom());
      this.#waiting.next.room = room;
      if (room.lost.length > 0) this.#lose('readings', room.lost.splice(0));
      const group = this.#waiting.takeOff(this.#span.readings.head, this.#span.events.head);
      for (const gap of group.room?.gaps.splice(0) ?? []) {
        group.through.events = ++this.#span.events.head;
        group.events.push({ seq: this.#span.events.head, event: gap });
      }
      this.#sendable.trying();
      const commit = group.toCommit();
      const hand = [commit.readings.buffer, commit.receipts.buffer];
      const summaries = await this.#worker.call<Span>({ op: 'commit', commit }, hand);
      this.#span.summaries = windowOf(summaries);
      this.#committed(group);
    } catch (error) {
      this.#failed(messageOf(error));
    }
  }

  #planRoom(): Promise<PlannedRoom> {
    const capacity = this.#options.capacity + countOf(this.#holes.of('readings'));
    const settled = forStreams((stream) => this.held(stream));
    return planRoom(this.#span, settled, capacity, this.#worker);
  }

  #committed(group: Pending): void {
    this.#waiting.landed();
    this.#commits += 1;
    this.#lastCommitMs = this.#card.succeeded();
    for (const stream of ['readings', 'events'] as const) {
      const evicted = group.room?.[stream] ?? 0;
      if (evicted > 0) this.#span[stream].tail = evicted + 1;
      this.#span[stream].durable = group.through[stream];
      this.#holes.clip(stream, this.#span[stream].tail);
    }
    if (group.room) this.#madeRoom.add(group.room);
    this.#sendable.committed(group.segments, group.state);
    for (const fn of group.confirmations) fn();
    for (const { resolve } of group.waiters) resolve();
    if (group.events.length > 0) this.#options.onEvents?.();
  }

  /** The card refused: what was in the group goes back to the front, and is tried again with what follows. */
  #failed(failure: string): void {
    this.#waiting.turnBack();
    this.#card.failed(failure);
    if (!this.#closed) this.#timer.within(this.#card.retryInMs);
  }

  /** From here on memory must do: nobody waits for the card, and what is new can be sent. */
  #refused(): void {
    const why = new ColdwatchError('ring.unavailable', this.#card.failure ?? 'refused', { retry: true });
    this.#worker.abandonReads(why);
    for (const group of this.#waiting.groups) {
      for (const { reject } of group.waiters.splice(0)) reject(why);
      for (const fn of group.confirmations.splice(0)) fn();
      if (group.events.length > 0) this.#options.onEvents?.();
    }
  }
}
