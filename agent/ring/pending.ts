import type { ReadingRow } from '../../core/contract/batch.js';
import type { RingEvent } from '../../core/contract/messages.js';
import type { Range } from '../../core/contract/ranges.js';
import type { Channel, Reading } from '../../core/reading.js';
import type { PlannedRoom } from './room.js';
import { RowBuffer, WRITE_CELLS } from './rows.js';
import type { Segment, SegmentTimes } from './segments.js';
import { type ChannelRow, type Commit, RECEIPTS_KEPT } from './store.js';

/** Cells of a receipt: packet id, digest. */
const RECEIPT_CELLS = 2;

/** What must know when, or whether, something is on the card. */
export interface Waiter {
  resolve: () => void;
  reject: (failure: Error) => void;
}

/** What has been appended since the last commit began. */
export class Pending {
  #readings = new RowBuffer(WRITE_CELLS);
  readonly #receipts = new RowBuffer(RECEIPT_CELLS, 0);
  readonly channels: ChannelRow[] = [];
  readonly segments: Segment[] = [];
  events: { seq: number; event: RingEvent }[] = [];
  /** Turned into JSON when the commit is made up, so that a value saved often is written once. */
  readonly state = new Map<string, unknown>();
  /** Called once the rows before them are kept: on the card, or in memory while it refuses. */
  confirmations: (() => void)[] = [];
  waiters: Waiter[] = [];
  /** The last numbers that had been given out when it set off. */
  through = { readings: 0, events: 0 };
  /** Decided once, when this group is first committed. */
  room: PlannedRoom | undefined;

  get rows(): number {
    return this.#readings.rows;
  }

  get empty(): boolean {
    return (
      this.rows === 0 &&
      this.events.length === 0 &&
      this.state.size === 0 &&
      this.confirmations.length === 0 &&
      this.waiters.length === 0
    );
  }

  /** Events do not wait for company, nor does who waits for the card. */
  get urgent(): boolean {
    return this.events.length > 0 || this.waiters.length > 0;
  }

  addReading(seq: number, channel: number, segment: number, reading: Reading, quality: number): void {
    const at = this.#readings.grow();
    const { cells } = this.#readings;
    cells[at] = seq;
    cells[at + 1] = channel;
    cells[at + 2] = segment;
    cells[at + 3] = Math.round(reading.monoMs);
    cells[at + 4] = reading.deviceMs ?? Number.NaN;
    cells[at + 5] = reading.milli;
    cells[at + 6] = quality;
  }

  /** The rows of a range that wait here, as the card would give them. */
  readingsOf([from, to]: Range, channelOf: (id: number) => Channel, times: SegmentTimes): ReadingRow[] {
    const { cells, rows } = this.#readings;
    const found: ReadingRow[] = [];
    for (let row = this.#rowFrom(from); row < rows; row++) {
      const at = row * WRITE_CELLS;
      if (cells[at]! > to) break;
      const { sensor, quantity } = channelOf(cells[at + 1]!);
      const { offset, estimated } = times.of(cells[at + 2]!)!;
      const device = cells[at + 4]!;
      const own = !Number.isNaN(device);
      found.push({
        sensor,
        quantity,
        measuredAt: own ? device : cells[at + 3]! + offset,
        estimated: !own && estimated,
        milli: cells[at + 5]!,
        quality: cells[at + 6]!,
      });
    }
    return found;
  }

  eventsOf([from, to]: Range): RingEvent[] {
    return this.events.filter(({ seq }) => from <= seq && seq <= to).map(({ event }) => event);
  }

  /** The lowest number that waits here. */
  first(stream: 'readings' | 'events'): number {
    return (stream === 'readings' ? this.#readings.cells[0] : this.events[0]?.seq) ?? 0;
  }

  /** Takes away the first rows that are meant, at most `count`; returns their numbers. */
  take(stream: 'readings' | 'events', count: number, meant: (seq: number) => boolean): number[] {
    const taken: number[] = [];
    const goes = (seq: number) => taken.length < count && meant(seq) && taken.push(seq) > 0;
    if (stream === 'events') {
      this.events = this.events.filter(({ seq }) => !goes(seq));
      return taken;
    }
    const { cells, rows } = this.#readings;
    const kept = new RowBuffer(WRITE_CELLS, rows);
    for (let at = 0; at < rows * WRITE_CELLS; at += WRITE_CELLS) {
      if (goes(cells[at]!)) continue;
      const to = kept.grow();
      kept.cells.set(cells.subarray(at, at + WRITE_CELLS), to);
    }
    this.#readings = kept;
    return taken;
  }

  /** The first row with this number or a higher one. */
  #rowFrom(seq: number): number {
    const { cells, rows } = this.#readings;
    let low = 0;
    let high = rows;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cells[middle * WRITE_CELLS]! < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  addReceipt(id: number, digest: number): void {
    // The card keeps no more, and brokers repeat no more.
    if (this.#receipts.rows >= 2 * RECEIPTS_KEPT) this.#receipts.dropFirst(RECEIPTS_KEPT);
    const at = this.#receipts.grow();
    this.#receipts.cells[at] = id;
    this.#receipts.cells[at + 1] = digest;
  }

  toCommit(): Commit {
    return {
      channels: this.channels,
      segments: this.segments,
      readings: this.#readings.packed(),
      events: this.events,
      receipts: this.#receipts.packed(),
      state: [...this.state].map(([key, value]) => [key, JSON.stringify(value)]),
      room: {
        readings: this.room?.readings ?? 0,
        events: this.room?.events ?? 0,
        summaries: this.room?.summaries ?? 0,
        thin: this.room?.thin ?? [],
      },
    };
  }

  /** This group with a later one behind it; the later one's state wins. */
  followedBy(later: Pending): Pending {
    this.#readings.append(later.#readings);
    this.#receipts.append(later.#receipts);
    this.channels.push(...later.channels);
    this.segments.push(...later.segments);
    for (const event of later.events) this.events.push(event);
    for (const [key, value] of later.state) this.state.set(key, value);
    for (const fn of later.confirmations) this.confirmations.push(fn);
    this.waiters.push(...later.waiters);
    return this;
  }
}
