import type { ReadingRow } from '../../core/contract/batch.js';
import type { RingEvent } from '../../core/contract/messages.js';
import type { Range } from '../../core/contract/ranges.js';
import type { Channel } from '../../core/reading.js';
import { Pending } from './pending.js';
import { type Segment, SegmentTimes } from './segments.js';

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
  takeOff(): Pending {
    const group = this.next;
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

  readings(range: Range): ReadingRow[] {
    this.#times ??= new SegmentTimes(this.#segments);
    return this.groups.flatMap((group) => group.readingsOf(range, this.#channelOf, this.#times!));
  }

  events = (range: Range): RingEvent[] => this.groups.flatMap((group) => group.eventsOf(range));
}
