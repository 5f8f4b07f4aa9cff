import { rangeSetSchema } from '../../core/contract/range-schema.js';
import { addRange, type Range, type RangeSet, union } from '../../core/contract/ranges.js';
import { forStreams, type Stream } from '../../core/stream.js';

/**
 * Numbers that nobody will read from the card: their rows waited for it in memory until there was no room, and most of
 * them the relay holds; or they are there and not as they were written. All others are named in gap events.
 */
export class Holes {
  readonly #sets: Record<Stream, RangeSet>;
  readonly #save: (key: string, ranges: RangeSet) => void;

  constructor(load: (key: string) => unknown, save: (key: string, ranges: RangeSet) => void) {
    const stored = (stream: Stream) => rangeSetSchema.catch([]).parse(load(keyOf(stream)) ?? []);
    this.#sets = forStreams(stored);
    this.#save = save;
  }

  of = (stream: Stream): RangeSet => this.#sets[stream];

  add(stream: Stream, ranges: readonly Range[]): void {
    this.#set(stream, union(this.#sets[stream], ranges));
  }

  /** Nothing before `tail` is there any more, hole or not. */
  clip(stream: Stream, tail: number): void {
    const first = this.#sets[stream][0];
    if (!first || first[0] >= tail) return;
    const kept = this.#sets[stream].filter(([, to]) => to >= tail);
    this.#set(
      stream,
      kept.map(([from, to]) => [Math.max(from, tail), to]),
    );
  }

  #set(stream: Stream, ranges: RangeSet): void {
    this.#sets[stream] = ranges;
    this.#save(keyOf(stream), ranges);
  }
}

export const keyOf = (stream: Stream) => `holes.${stream}`;

/** Numbers in ascending order as ranges. */
export const rangesOf = (seqs: readonly number[]): RangeSet =>
  seqs.reduce((set, seq) => addRange(set, [seq, seq]), [] as RangeSet);
