import type { Clock } from '../../core/clock/clock.js';
import { addRange, type RangeSet } from '../../core/contract/ranges.js';
import type { Stream } from '../../core/stream.js';
import type { CardHealth } from './card-health.js';
import type { Window } from './room.js';
import type { Segment, Segments } from './segments.js';

/** Rows of a boot whose clock is not set wait this long for it before they are sent with estimated times. */
const UNDATED_WAIT_MS = 600_000;

/** Which rows may be sent now: those on the card, and while it refuses, those that wait for it in memory as well. */
export class Sendable {
  readonly #clock: Clock;
  readonly #boot: string;
  readonly #card: CardHealth;
  readonly #segments: Segments;
  readonly #spans: Readonly<Record<Stream, Window>>;
  readonly #openedMs: number;
  /** The first row of this boot that was written before its clock was set. */
  #undatedFrom: number | null = null;
  /** The card knows by what clock such rows are to be dated. */
  #datedOnCard = true;
  readonly #tried: Record<Stream, number>;
  #unsettled: Readonly<Record<Stream, number>> | undefined;
  /** The card could not be read since it began to refuse. */
  unreadable = false;

  constructor(
    { clock, boot }: { clock: Clock; boot: string },
    card: CardHealth,
    segments: Segments,
    known: readonly Segment[],
    spans: Readonly<Record<Stream, Window>>,
  ) {
    this.#clock = clock;
    this.#boot = boot;
    this.#card = card;
    this.#segments = segments;
    this.#spans = spans;
    this.#openedMs = clock.mono();
    this.#tried = { readings: spans.readings.head, events: spans.events.head, summaries: 0 };
    // After a restart within such a boot, which of its rows came first is not looked up: all unsent ones wait.
    if (known.some((segment) => segment.boot === boot) && !segments.dated())
      this.#undated(spans.readings.tail);
  }

  /** A reading without a time of its own was numbered. */
  numbered(seq: number): void {
    if (!this.#segments.dated()) this.#undated(seq);
  }

  #undated(seq: number): void {
    this.#undatedFrom ??= seq;
    this.#datedOnCard = false;
  }

  /** Undated rows are held back for a while: once sent, their time could not be corrected any more. */
  through(stream: Stream): number {
    const { durable, head } = this.#spans[stream];
    const through = this.#card.refusing && stream !== 'summaries' ? head : durable;
    if (stream !== 'readings' || this.#undatedFrom === null || this.#segments.dated() || this.#waited)
      return through;
    return Math.min(through, this.#undatedFrom - 1);
  }

  get #waited(): boolean {
    return this.#clock.mono() - this.#openedMs >= UNDATED_WAIT_MS;
  }

  withheld(stream: Stream): RangeSet {
    const { tail, durable } = this.#spans[stream];
    let ranges: RangeSet = [];
    const add = (from: number, to: number) => {
      if (from <= to) ranges = addRange(ranges, [from, to]);
    };
    if (this.#card.hanging || this.unreadable) add(tail, durable);
    if (this.#unsettled) add(tail, this.#unsettled[stream]);
    if (stream === 'readings' && this.#undatedFrom !== null && !this.#datedOnCard && !this.#waited)
      add(this.#undatedFrom, durable);
    return ranges;
  }

  /** The last rows that were handed to a commit. */
  get tried(): Readonly<Record<Stream, number>> {
    return { ...this.#tried };
  }

  /** All that is numbered by now goes to a commit. */
  trying(): void {
    this.#tried.readings = this.#spans.readings.head;
    this.#tried.events = this.#spans.events.head;
  }

  /**
   * The card has not taken the note that a relay knows this ring (RingClient.learn). What was handed to it before may
   * be on it without that note: sent now, it would be sent anew after a crash.
   */
  unsettle(tried: Readonly<Record<Stream, number>>): void {
    this.#unsettled = tried;
  }

  committed(segments: readonly Segment[], state: ReadonlyMap<string, unknown>): void {
    this.unreadable = false;
    if (state.has('unlearned')) this.#unsettled = undefined;
    this.#datedOnCard ||= segments.some(({ boot, synchronised }) => boot === this.#boot && synchronised);
  }
}
