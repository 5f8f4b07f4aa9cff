import { Worker } from 'node:worker_threads';
import type { Clock, Timer } from '../../core/clock/clock.js';
import type { ReadingRow } from '../../core/contract/batch.js';
import type { RingEvent } from '../../core/contract/messages.js';
import { missing, type Range, type RangeSet, rangeSetSchema } from '../../core/contract/ranges.js';
import { ColdwatchError, messageOf } from '../../core/errors.js';
import type { Stream } from '../../core/identity.js';
import { packQuality } from '../../core/quality.js';
import { channelKey, type Reading } from '../../core/reading.js';
import { Pending, type Room } from './pending.js';
import type { Ring, RingStats, StoredReading } from './port.js';
import type { Salvage } from './salvage.js';
import { openSegments, type Segments } from './segments.js';
import type { ReceiptRow } from './store.js';
import type { OpenAnswer, RingAnswer, RingRequest } from './worker.js';

/** A group is committed when it has this many rows, whatever its age. */
export const GROUP_ROWS = 256;
/** Payloads waiting to be confirmed to their broker; brokers stop sending at about 20 unconfirmed. */
export const GROUP_RECEIPTS = 16;
/** Rows in memory while the card does not take them. Beyond this the oldest would be lost: appends then fail. */
export const WAITING_MAX = 200_000;
const EVENTS_MAX = 50_000;
const EVICT_ROWS = 1000;
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
  /** Called when commits keep failing, and when one succeeds again. */
  onHealth?: (failure: string | null) => void;
  /** Called once when the file itself turns out to be damaged: only a new start, which salvages it, can help. */
  onDamage?: (damage: string) => void;
  /** Called when events have become durable: they should not wait to be sent. */
  onEvents?: () => void;
}

interface Call {
  resolve: (value: never) => void;
  reject: (error: Error) => void;
}

/** The ring on the thread that samples: it numbers rows and feeds the worker in groups, one commit at a time. */
export class RingClient implements Ring {
  readonly epoch: string;
  /** Set when this start found the former file damaged. */
  readonly salvage: Salvage | undefined;
  readonly #options: RingOptions;
  readonly #worker: WorkerCalls;
  readonly #segments: Segments;
  readonly #channels: Map<string, number>;
  /** As it was when the file was opened; later values live with whoever saves them. */
  readonly #state: ReadonlyMap<string, string>;
  readonly #storedReceipts: readonly ReceiptRow[];
  readonly #held: Record<Stream, RangeSet>;
  readonly #span: Record<Stream, { tail: number; head: number; durable: number }>;
  #pending: Pending;
  #committing: Promise<void> | undefined;
  #timer: Timer | undefined;
  #commits = 0;
  #lastCommitMs = 0;
  #overwritten = 0;
  #failure: string | null = null;
  #failures = 0;
  #closed = false;
  readonly #openedMs: number;
  /** The first row of this boot, while its clock is not set. */
  #undatedFrom: number | null = null;

  static async open(options: RingOptions): Promise<RingClient> {
    const worker = new WorkerCalls(options.file, options.onDamage ?? (() => {}));
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
    this.#channels = new Map(opened.channels.map((c) => [channelKey(c), c.id]));
    this.#state = new Map([...(opened.salvage?.state ?? []), ...opened.state]);
    this.#storedReceipts = opened.receipts;
    const held = (stream: Stream) => rangeSetSchema.catch([]).parse(this.loadState(`held.${stream}`) ?? []);
    this.#held = { readings: held('readings'), events: held('events') };
    const span = ({ tail, head }: { tail: number; head: number }) => ({
      tail: head === 0 ? 1 : tail,
      head,
      durable: head,
    });
    this.#span = { readings: span(opened.readings), events: span(opened.events) };
    this.#pending = new Pending(opened.readings.head + 1);
    // After a restart within such a boot, which of its rows came first is not looked up: all unsent ones wait.
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
    if (stream === 'events' || this.#undatedFrom === null || this.#segments.dated() || waited) return durable;
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

  addReceipt(id: number, digest: string): void {
    this.#pending.receipts.push([id, digest]);
  }

  receipts(): readonly ReceiptRow[] {
    return this.#storedReceipts;
  }

  markHeld(stream: Stream, ranges: RangeSet): void {
    this.#held[stream] = ranges;
    this.saveState(`held.${stream}`, ranges);
  }

  async readReadings([from, to]: Range): Promise<ReadingRow[]> {
    const rows = await this.#worker.call<ReadingRow[]>({ op: 'readings', range: [from, to] });
    if (rows.length === to - from + 1) return rows;
    if (this.tail('readings') > from) {
      throw new ColdwatchError('ring.unavailable', 'rows have just made room for newer ones', {
        retry: true,
      });
    }
    return this.#worker.call({ op: 'damaged', what: `${rows.length} of rows ${from} to ${to} are there` });
  }

  readEvents = (range: Range): Promise<RingEvent[]> => this.#worker.call({ op: 'events', range });
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
      overwritten: this.#overwritten,
      failure: this.#failure,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#committing;
    if (!this.#pending.empty) await this.#commit();
    await this.#worker.close();
  }

  /** Rows that are not on the card yet, those of the commit under way included. */
  #waiting(): number {
    return this.#span.readings.head - this.#span.readings.durable;
  }

  #channelOf(reading: Reading): number {
    const key = channelKey(reading);
    const known = this.#channels.get(key);
    if (known !== undefined) return known;
    const id = this.#channels.size + 1;
    this.#channels.set(key, id);
    this.#pending.channels.push({ id, sensor: reading.sensor, quantity: reading.quantity });
    return id;
  }

  #schedule(): void {
    if (this.#pending.rows >= GROUP_ROWS || this.#pending.callbacks.length >= GROUP_RECEIPTS) {
      void this.#flush();
    } else {
      this.#timer ??= this.#options.clock.after(this.#options.flushMs, () => {
        this.#timer = undefined;
        void this.#flush();
      });
    }
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
    this.#timer = undefined;
    let group: Pending | undefined;
    try {
      this.#pending.room ??= await this.#planRoom();
      group = this.#pending;
      this.#pending = new Pending(this.#span.readings.head + 1);
      for (const gap of group.room?.gaps.splice(0) ?? []) {
        group.events.push({ seq: ++this.#span.events.head, event: gap });
      }
      const started = this.#options.clock.mono();
      await this.#worker.call({ op: 'commit', commit: group.toCommit() });
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
    this.#timer ??= this.#options.clock.after(RETRY_MS, () => {
      this.#timer = undefined;
      void this.#flush();
    });
  }

  /** Which of the oldest rows go when the ring is full; readings that were never sent are named in gap events. */
  async #planRoom(): Promise<Room> {
    const events = evictThrough(this.#span.events, EVENTS_MAX);
    const readings = evictThrough(this.#span.readings, this.#options.capacity);
    const gaps: RingEvent[] = [];
    const unsent = readings === 0 ? [] : missing(this.#held.readings, [this.#span.readings.tail, readings]);
    for (const [from, to] of unsent) {
      const span = await this.#worker.call<{ sinceMs: number; untilMs: number }>({
        op: 'span',
        range: [from, to],
      });
      this.#overwritten += to - from + 1;
      const [since, until] = [new Date(span.sinceMs).toISOString(), new Date(span.untilMs).toISOString()];
      gaps.push({ type: 'gap', gap: { reason: 'overwritten', from, to, since, until } });
    }
    return { readings, events, gaps };
  }
}

/** The seq up to which rows go, or 0. Only durable rows go, and some always stay: numbers are never reused. */
function evictThrough(span: { tail: number; head: number; durable: number }, capacity: number): number {
  const rows = span.head - span.tail + 1;
  if (rows <= capacity) return 0;
  const some = Math.min(EVICT_ROWS, Math.ceil(capacity / 10));
  const through = Math.min(span.tail + Math.max(some, rows - capacity) - 1, span.durable - 1);
  return through >= span.tail ? through : 0;
}

/** Requests to the worker and their answers. A worker that dies fails what is open, and all that follows. */
class WorkerCalls {
  readonly #worker: Worker;
  readonly #open = new Map<number, Call>();
  #next = 1;
  #dead: Error | undefined;
  readonly #onDamage: (damage: string) => void;

  constructor(file: string, onDamage: (damage: string) => void) {
    this.#onDamage = onDamage;
    // Compiled code only: a worker cannot load TypeScript, so from sources the built file is used.
    const built = import.meta.url.endsWith('.ts')
      ? new URL('../../dist/agent/ring/worker.js', import.meta.url)
      : new URL('./worker.js', import.meta.url);
    this.#worker = new Worker(built, { workerData: { file } });
    this.#worker.on('message', (reply: RingAnswer) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#die(error));
    this.#worker.on('exit', () => this.#die(new Error('the ring’s worker ended')));
  }

  call<T>(request: RingRequest): Promise<T> {
    if (this.#dead) return Promise.reject(this.#dead);
    const id = this.#next++;
    return new Promise<T>((resolve, reject) => {
      this.#open.set(id, { resolve: resolve as Call['resolve'], reject });
      this.#worker.postMessage({ id, request });
    });
  }

  async close(): Promise<void> {
    if (this.#dead) return;
    await this.call({ op: 'close' });
  }

  #settle(reply: RingAnswer): void {
    const call = this.#open.get(reply.id);
    this.#open.delete(reply.id);
    if (reply.damaged) this.#onDamage(reply.error ?? 'damaged');
    if (reply.ok) call?.resolve(reply.value as never);
    else call?.reject(new ColdwatchError('ring.unavailable', reply.error ?? 'failed', { retry: true }));
  }

  #die(error: Error): void {
    this.#dead ??= new ColdwatchError('ring.unavailable', error.message, { cause: error });
    for (const call of this.#open.values()) call.reject(this.#dead);
    this.#open.clear();
  }
}
