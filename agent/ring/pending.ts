import type { RingEvent } from '../../core/contract/messages.js';
import type { Reading } from '../../core/reading.js';
import type { PlannedRoom } from './room.js';
import { RowBuffer, WRITE_CELLS } from './rows.js';
import type { Segment } from './segments.js';
import type { ChannelRow, Commit } from './store.js';

/** Cells of a receipt: packet id, digest. */
const RECEIPT_CELLS = 2;

/** What has been appended since the last commit began. */
export class Pending {
  readonly #from: number;
  readonly #readings = new RowBuffer(WRITE_CELLS);
  readonly #receipts = new RowBuffer(RECEIPT_CELLS, 0);
  readonly channels: ChannelRow[] = [];
  readonly segments: Segment[] = [];
  readonly events: { seq: number; event: RingEvent }[] = [];
  /** Turned into JSON when the commit is made up, so that a value saved often is written once. */
  readonly state = new Map<string, unknown>();
  readonly callbacks: (() => void)[] = [];
  /** Decided once, when this group is first committed. */
  room: PlannedRoom | undefined;

  constructor(from: number) {
    this.#from = from;
  }

  get rows(): number {
    return this.#readings.rows;
  }

  get empty(): boolean {
    return (
      this.rows === 0 && this.events.length === 0 && this.state.size === 0 && this.callbacks.length === 0
    );
  }

  /** Events do not wait for company. */
  get urgent(): boolean {
    return this.events.length > 0;
  }

  addReading(channel: number, segment: number, reading: Reading, quality: number): void {
    const at = this.#readings.grow();
    const { cells } = this.#readings;
    cells[at] = channel;
    cells[at + 1] = segment;
    cells[at + 2] = Math.round(reading.monoMs);
    cells[at + 3] = reading.deviceMs ?? Number.NaN;
    cells[at + 4] = reading.milli;
    cells[at + 5] = quality;
  }

  addReceipt(id: number, digest: number): void {
    const at = this.#receipts.grow();
    this.#receipts.cells[at] = id;
    this.#receipts.cells[at + 1] = digest;
  }

  toCommit(): Commit {
    return {
      channels: this.channels,
      segments: this.segments,
      from: this.#from,
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
    for (const fn of later.callbacks) this.callbacks.push(fn);
    return this;
  }
}
