import type { ReadingRow } from '../../core/contract/batch.js';
import type { RingEvent } from '../../core/contract/messages.js';
import { contains, type Range, type RangeSet } from '../../core/contract/ranges.js';
import type { Channel } from '../../core/reading.js';
import { rangesOf } from './holes.js';
import { Pending } from './pending.js';
import { type Segment, SegmentTimes } from './segments.js';

/** Rows in memory while the card does not take them (some 12 MB); beyond it what the relay holds goes, then the oldest. */
export const WAITING_MAX = 200_000;
export const EVENTS_WAITING_MAX = 5000;
/** So many rows at a time make room in memory. */
const SHED = { readings: 10_000, events: 500 };

/** What has made room: numbers that will never be on the card, and of them those that nobody has. */
export interface Shed {
  gone: RangeSet;
  lost?: { from: number; to: number; since: string; until: string };
}

/** Rows that are not on the card yet: those of the commit under way, and those that follow it. */
export class Waiting {
  next = new Pending();
  /** What the commit under way carries. */
  inFlight: Pending | undefined;
  /** Of the card and of what waits. */
  readonly #segments: Segment[];
  #times: SegmentTimes | undefined;
  readonly #channelOf: (id: number) => Channel;

  constructor(segments: readonly Segment[], channelOf: (id: number) => Channel) {
    this.#segments = [...segments];
    this.#channelOf = channelOf;
  }

  get groups(): Pending[] {
    return this.inFlight ? [this.inFlight, this.next] : [this.next];
  }

  addSegment(fresh: Segment): void {
    this.next.segments.push(fresh);
    this.#segments.push(fresh);
    this.#times = undefined;
  }

  /** All that has gathered goes to the card. */
  takeOff(readings: number, events: number): Pending {
    const group = this.next;
    group.through = { readings, events };
    this.inFlight = group;
    this.next = new Pending();
    return group;
  }

  landed(): void {
    this.inFlight = undefined;
  }

  /** What was under way goes back to the front, and is tried again with what follows. */
  turnBack(): void {
    if (this.inFlight) this.next = this.inFlight.followedBy(this.next);
    this.inFlight = undefined;
  }

  get rows(): number {
    return this.groups.reduce((sum, { rows }) => sum + rows, 0);
  }

  /** Makes room in memory: rows that the relay holds go; where there are none, the oldest, which nobody has then. */
  shed(stream: 'readings' | 'events', held: RangeSet, nowMs: number): Shed {
    const known = this.next.take(stream, SHED[stream], (seq) => contains(held, seq));
    if (known.length > 0) return { gone: rangesOf(known) };
    const from = this.next.first(stream);
    const last = from + SHED[stream] - 1;
    const times = stream === 'readings' ? this.readings([from, last]).map((row) => row.measuredAt) : [nowMs];
    const gone = rangesOf(this.next.take(stream, SHED[stream], (seq) => seq <= last));
    const [since, until] = [Math.min(...times), Math.max(...times)].map((ms) => new Date(ms).toISOString());
    return { gone, lost: { from, to: gone.at(-1)?.[1] ?? from, since: since!, until: until! } };
  }

  readings(range: Range): ReadingRow[] {
    this.#times ??= new SegmentTimes(this.#segments);
    return this.groups.flatMap((group) => group.readingsOf(range, this.#channelOf, this.#times!));
  }

  events = (range: Range): RingEvent[] => this.groups.flatMap((group) => group.eventsOf(range));
}
