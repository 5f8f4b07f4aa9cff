import type { RingEvent } from '../../core/contract/messages.js';
import type { Reading } from '../../core/reading.js';
import type { Segment } from './segments.js';
import type { ChannelRow, Commit, ReadingColumns, ReceiptRow } from './store.js';

/** Rows that a commit drops, and the events that name what had not been sent. */
export interface Room {
  readings: number;
  events: number;
  gaps: RingEvent[];
}

/** What has been appended since the last commit began. */
export class Pending {
  readonly readings: ReadingColumns;
  readonly channels: ChannelRow[] = [];
  readonly segments: Segment[] = [];
  readonly events: { seq: number; event: RingEvent }[] = [];
  /** Turned into JSON when the commit is made up, so that a value saved often is written once. */
  readonly state = new Map<string, unknown>();
  readonly callbacks: (() => void)[] = [];
  readonly receipts: ReceiptRow[] = [];
  /** Decided once, when this group is first committed. */
  room: Room | undefined;

  constructor(from: number) {
    this.readings = { from, channel: [], segment: [], mono: [], deviceMs: [], milli: [], quality: [] };
  }

  get rows(): number {
    return this.readings.mono.length;
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
    const rows = this.readings;
    rows.channel.push(channel);
    rows.segment.push(segment);
    rows.mono.push(Math.round(reading.monoMs));
    rows.deviceMs.push(reading.deviceMs ?? Number.NaN);
    rows.milli.push(reading.milli);
    rows.quality.push(quality);
  }

  toCommit(): Commit {
    return {
      channels: this.channels,
      segments: this.segments,
      readings: this.readings,
      events: this.events,
      receipts: this.receipts,
      state: [...this.state].map(([key, value]) => [key, JSON.stringify(value)]),
      evictReadings: this.room?.readings ?? 0,
      evictEvents: this.room?.events ?? 0,
    };
  }

  /** This group with a later one behind it; the later one's state wins. */
  followedBy(later: Pending): Pending {
    const names = ['channel', 'segment', 'mono', 'deviceMs', 'milli', 'quality'] as const;
    for (const name of names) {
      for (const value of later.readings[name]) this.readings[name].push(value);
    }
    this.channels.push(...later.channels);
    this.segments.push(...later.segments);
    this.events.push(...later.events);
    for (const [key, value] of later.state) this.state.set(key, value);
    for (const row of later.receipts) this.receipts.push(row);
    for (const fn of later.callbacks) this.callbacks.push(fn);
    return this;
  }
}
