import type { Clock, Timer } from '../../core/clock/clock.js';
import type { ReadingRow } from '../../core/contract/batch.js';
import type { RingEvent, Summary } from '../../core/contract/messages.js';
import { rangeSetSchema } from '../../core/contract/range-schema.js';
import type { Range, RangeSet } from '../../core/contract/ranges.js';
import { ColdwatchError, messageOf } from '../../core/errors.js';
import { packQuality } from '../../core/quality.js';
import { type Channel, ChannelMap, type Reading } from '../../core/reading.js';
import { STREAMS, type Stream } from '../../core/stream.js';
import { WorkerCalls } from './calls.js';
import { Pending } from './pending.js';
import type { Ring, RingStats, StoredReading } from './port.js';
import { planRoom, type Window, windowOf } from './room.js';
import { unpackRows } from './rows.js';
import type { Salvage } from './salvage.js';
import { openSegments, type Segments } from './segments.js';
import type { Span } from './store.js';
import type { Limits } from './thin.js';
import type { OpenAnswer } from './worker.js';

/** A group is committed when it has this many rows, whatever its age. */
export const GROUP_ROWS = 256;
/** With this many rows a group waits `flush` for more; with fewer, LINGER times as long: each commit wears the card. */
export const COMPANY_ROWS = 8;
export const LINGER = 20;
/** Brokers stop sending at about 20 unconfirmed messages: with this many waiting, a group hurries. */
export const GROUP_RECEIPTS = 16;
/** But not at once: of a broker that goes on sending, a few ms bring many more into the same commit. */
export const RECEIPTS_WAIT_MS = 5;
/** Rows in memory while the card does not take them. Beyond this the oldest would be lost: appends then fail. */
export const WAITING_MAX = 200_000;
const RETRY_MS = 1000;
/** Rows of a boot whose clock is not set wait this long for it before they are sent with estimated times. */
export const UNDATED_WAIT_MS = 600_000;
/** One failed commit may be a hiccup; after so many in a row it is a failing card. */
const FAILURES_TOLD = 3;

export interface RingOptions {
  file: string;
  boot: string;
  capacity: number;
  flushMs: number;
  clock: Clock;
  /** By channel key (sensor/quantity): for the seconds outside that thinned readings had. */
  limits?: ReadonlyMap<string, Limits>;
  /** Called when commits keep failing, and when one succeeds again. */
  onHealth?: (failure: string | null) => void;
  /** Called once when the file itself turns out to be damaged: only a new start, which salvages it, can help. */
  onDamage?: (damage: string) => void;
  /** Called when events have become durable: they should not wait to be sent. */
  onEvents?: () => void;
}

/** The ring on the thread that samples: it numbers rows and feeds the worker in groups, one commit at a time. */
export class RingClient implements Ring {
  readonly epoch: string;
  /** Set when this start found the former file damaged. */
  readonly salvage: Salvage | undefined;
  readonly #options: RingOptions;
  readonly #worker: WorkerCalls;
  readonly #segments: Segments;
  readonly #channels = new ChannelMap<number>();
  readonly #byId: Map<number, Channel>;
  /** The last reading that was stored before this start. */
  readonly before: { measuredAt: number; boot: string } | null;
  /** As it was when the file was opened; later values live with whoever saves them. */
  readonly #state: ReadonlyMap<string, string>;
  readonly #storedReceipts: Float64Array;
  readonly #held: Record<Stream, RangeSet>;
  readonly #span: Record<Stream, Window>;
  #pending: Pending;
  #committing: Promise<void> | undefined;
  #timer: Timer | undefined;
  #timerDue = Number.POSITIVE_INFINITY;
  #commits = 0;
  #lastCommitMs = 0;
  #thinned = 0;
  #overwritten = 0;
  #failure: string | null = null;
  #failures = 0;
  #closed = false;
  readonly #openedMs: number;
  readonly #openedHead: number;
  /** The first rows numbered since a relay last said what it holds; none of them can have been sent. */
  #firstNew: Record<Stream, number> | undefined;
  /** The first row of this boot, while its clock is not set. */
  #undatedFrom: number | null = null;

  static async open(options: RingOptions): Promise<RingClient> {
    const { file, limits = new Map(), onDamage = () => {} } = options;
    const worker = new WorkerCalls({ file, limits }, onDamage);
    const opened = await worker.call<OpenAnswer>({ op: 'open' });
    return new RingClient(options, worker, opened);
  }

  private constructor(options: RingOptions, worker: WorkerCalls, opened: OpenAnswer) {
    this.salvage = opened.salvage;
    this.#options = options;
    this.#worker = worker;
    this.epoch = opened.epoch;
    this.#openedMs = options.clock.mono();
    this.#segments = openSegments(options.clock, options.boot, opened.segments, opened.lastTimeline);
    for (const channel of opened.channels) this.#channels.set(channel, channel.id);
    this.#byId = new Map(opened.channels.map((c) => [c.id, c]));
    this.before = opened.last;
    this.#state = new Map([...(opened.salvage?.state ?? []), ...opened.state]);
    this.#storedReceipts = opened.receipts;
    this.#held = forStreams((stream) =>
      rangeSetSchema.catch([]).parse(this.loadState(`held.${stream}`) ?? []),
    );
    this.#span = forStreams((stream) => windowOf(opened.spans[stream]));
    this.#pending = new Pending(this.#span.readings.head + 1);
    this.#firstNew = this.loadState('unlearned') as Record<Stream, number> | undefined;
    if (!this.#firstNew) {
      this.#firstNew = forStreams((stream) => this.#span[stream].head + 1);
      this.#pending.state.set('unlearned', this.#firstNew);
    }
    // After a restart within such a boot, which of its rows came first is not looked up: all unsent ones wait.
    this.#openedHead = this.#span.readings.head;
    const undated =
      opened.segments.some((segment) => segment.boot === options.boot) && !this.#segments.dated();
    if (undated) this.#undatedFrom = this.#span.readings.tail;
  }

  head = (stream: Stream): number => this.#span[stream].head;
  tail = (stream: Stream): number => this.#span[stream].tail;
  durable = (stream: Stream): number => this.#span[stream].durable;
  /** Undated rows are held back for a while: once sent, their time could not be corrected any more. */
  sendable(stream: Stream): number {
    const durable = this.#span[stream].durable;
    const waited = this.#options.clock.mono() - this.#openedMs >= UNDATED_WAIT_MS;
    if (stream !== 'readings' || this.#undatedFrom === null || this.#segments.dated() || waited)
      return durable;
    return Math.min(durable, this.#undatedFrom - 1);
  }

  held = (stream: Stream): RangeSet => this.#held[stream];
  timeline = (): number => this.#segments.timeline();

  append(reading: Reading): number {
    if (this.#waiting() >= WAITING_MAX) {
      throw new ColdwatchError('ring.unavailable', `${WAITING_MAX} readings wait for the card already`);
    }
    const span = this.#span.readings;
    span.head += 1;
    const segment = this.#segments.current((fresh) => this.#pending.segments.push(fresh));
    this.#pending.addReading(
      this.#channelOf(reading),
      segment,
      reading,
      packQuality(reading.quality, reading.reason),
    );
    if (reading.deviceMs === undefined && !this.#segments.dated()) this.#undatedFrom ??= span.head;
    this.#schedule();
    return span.head;
  }

  appendEvent(event: RingEvent): number {
    const seq = ++this.#span.events.head;
    this.#pending.events.push({ seq, event });
    void this.#flush();
    return seq;
  }

  saveState(key: string, value: unknown): void {
    this.#pending.state.set(key, value);
    this.#schedule();
  }

  loadState(key: string): unknown {
    const json = this.#state.get(key);
    return json === undefined ? undefined : JSON.parse(json);
  }

  whenDurable(fn: () => void): void {
    this.#pending.callbacks.push(fn);
    this.#schedule();
  }

  addReceipt(id: number, digest: number): void {
    this.#pending.addReceipt(id, digest);
  }

  receipts(): Float64Array {
    return this.#storedReceipts;
  }

  /** Not worth a commit of its own: the relay can always be asked again. */
  markHeld(stream: Stream, ranges: RangeSet): void {
    this.#held[stream] = ranges;
    this.#pending.state.set(`held.${stream}`, ranges);
  }

  async learn(held: Record<Stream, RangeSet>): Promise<void> {
    const first = this.#firstNew;
    if (first) {
      if (STREAMS.some((stream) => (held[stream].at(-1)?.[1] ?? 0) >= first[stream])) {
        await this.#worker.call({ op: 'renumber', split: first });
        const why = 'this ring is an older copy of itself: the relay holds rows that it has numbered again';
        this.#options.onDamage?.(why);
        throw new ColdwatchError('ring.unavailable', why);
      }
      this.#firstNew = undefined;
      this.#pending.state.set('unlearned', null);
      const durable = new Promise<void>((resolve) => this.#pending.callbacks.push(resolve));
      void this.#flush();
      await durable;
    }
    for (const stream of STREAMS) this.markHeld(stream, held[stream]);
  }

  async readReadings([from, to]: Range): Promise<ReadingRow[]> {
    const cells = await this.#worker.call<Float64Array>({ op: 'readings', range: [from, to] });
    const rows = unpackRows(cells, (id) => this.#byId.get(id));
    if (rows?.length === to - from + 1) return rows;
    if (this.tail('readings') > from) {
      throw new ColdwatchError('ring.unavailable', 'rows have just made room for newer ones', {
        retry: true,
      });
    }
    const what = rows ? `${rows.length} of rows ${from} to ${to} are there` : 'a row names no channel';
    return this.#worker.call({ op: 'damaged', what });
  }

  readEvents = (range: Range): Promise<RingEvent[]> => this.#worker.call({ op: 'events', range });
  readSummaries = (range: Range): Promise<Summary[]> => this.#worker.call({ op: 'summaries', range });
  replay = (seq: number, limit: number): Promise<StoredReading[]> =>
    this.#worker.call({ op: 'replay', seq, limit });

  stats(): RingStats {
    const { tail, head } = this.#span.readings;
    return {
      rows: head - tail + 1,
      capacity: this.#options.capacity,
      waiting: this.#waiting(),
      commits: this.#commits,
      lastCommitMs: this.#lastCommitMs,
      thinned: this.#thinned,
      overwritten: this.#overwritten,
      failure: this.#failure,
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
    this.#timer?.cancel();
    await this.#committing;
    if (!this.#pending.empty) await this.#commit();
  }

  /** Rows that are not on the card yet, those of the commit under way included. */
  #waiting(): number {
    return this.#span.readings.head - this.#span.readings.durable;
  }

  #channelOf(reading: Reading): number {
    const known = this.#channels.get(reading);
    if (known !== undefined) return known;
    const id = this.#byId.size + 1;
    this.#channels.set(reading, id);
    this.#byId.set(id, { sensor: reading.sensor, quantity: reading.quantity });
    this.#pending.channels.push({ id, sensor: reading.sensor, quantity: reading.quantity });
    return id;
  }

  #schedule(): void {
    const { rows, callbacks } = this.#pending;
    if (rows >= GROUP_ROWS) return void this.#flush();
    const { clock, flushMs } = this.#options;
    // The first reading of a run is what somebody who has just plugged it in waits for.
    const first = this.#span.readings.durable === this.#openedHead;
    const calm = rows >= COMPANY_ROWS ? flushMs : flushMs * LINGER;
    const hurried = callbacks.length >= GROUP_RECEIPTS ? Math.min(calm, RECEIPTS_WAIT_MS) : calm;
    const wait = first ? 0 : hurried;
    if (clock.mono() + wait < this.#timerDue) this.#flushAfter(wait);
  }

  #flushAfter(ms: number): void {
    const { clock } = this.#options;
    this.#timer?.cancel();
    this.#timerDue = clock.mono() + ms;
    this.#timer = clock.after(ms, () => {
      this.#timerDue = Number.POSITIVE_INFINITY;
      void this.#flush();
    });
  }

  /** Starts a commit of all that is pending, unless one is running: then what has gathered follows it. */
  #flush(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#committing ??= this.#commit().finally(() => {
      this.#committing = undefined;
      if (this.#pending.urgent) void this.#flush();
      else if (!this.#pending.empty) this.#schedule();
    });
    return this.#committing;
  }

  async #commit(): Promise<void> {
    this.#timer?.cancel();
    this.#timerDue = Number.POSITIVE_INFINITY;
    let group: Pending | undefined;
    try {
      this.#pending.room ??= await planRoom(this.#span, this.#held, this.#options.capacity, this.#worker);
      group = this.#pending;
      this.#pending = new Pending(this.#span.readings.head + 1);
      for (const gap of group.room?.gaps.splice(0) ?? []) {
        group.events.push({ seq: ++this.#span.events.head, event: gap });
      }
      const started = this.#options.clock.mono();
      const commit = group.toCommit();
      const hand = [commit.readings.buffer, commit.receipts.buffer];
      const summaries = await this.#worker.call<Span>({ op: 'commit', commit }, hand);
      this.#span.summaries = windowOf(summaries);
      this.#committed(group, this.#options.clock.mono() - started);
    } catch (error) {
      this.#failed(group, messageOf(error));
    }
  }

  #committed(group: Pending, tookMs: number): void {
    this.#commits += 1;
    this.#lastCommitMs = tookMs;
    for (const stream of ['readings', 'events'] as const) {
      const evicted = group.room?.[stream] ?? 0;
      if (evicted > 0) this.#span[stream].tail = evicted + 1;
    }
    this.#thinned += group.room?.thinned ?? 0;
    this.#overwritten += group.room?.overwritten ?? 0;
    this.#span.readings.durable += group.rows;
    this.#span.events.durable += group.events.length;
    if (this.#failures >= FAILURES_TOLD) this.#options.onHealth?.(null);
    this.#failures = 0;
    this.#failure = null;
    for (const fn of group.callbacks) fn();
    if (group.events.length > 0) this.#options.onEvents?.();
  }

  /** The card refused: what was in the group goes back to the front, and is tried again with what follows. */
  #failed(group: Pending | undefined, failure: string): void {
    if (++this.#failures === FAILURES_TOLD) this.#options.onHealth?.(failure);
    this.#failure = failure;
    if (group) this.#pending = group.followedBy(this.#pending);
    if (this.#closed) return;
    this.#flushAfter(RETRY_MS);
  }
}

function forStreams<T>(make: (stream: Stream) => T): Record<Stream, T> {
  return { readings: make('readings'), events: make('events'), summaries: make('summaries') };
}
