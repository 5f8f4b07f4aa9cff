import { addRange, contains, type Range, type RangeSet } from '../../core/contract/ranges.js';

/** So many rows refused one after another, and nothing taken: then it is no row's fault. */
export const DOUBTFUL_MAX = 8;

interface Doubt {
  seq: number;
  /** How many batches had been taken when it was refused. */
  taken: number;
}

/**
 * One bad row is one bad row: a range that is refused for its content is halved until the row is found, and the rest
 * goes on. A row is given up when it is refused twice with something taken in between: a relay that refuses everything
 * (of another version, behind a portal) costs no row. One of these for each stream.
 */
export class Refusals {
  #givenUp: RangeSet;
  /** What is left of refused ranges, ascending; each is tried on its own. */
  #parts: Range[] = [];
  #doubts: Doubt[] = [];
  #taken = 0;

  constructor(givenUp: RangeSet) {
    this.#givenUp = givenUp;
  }

  get givenUp(): RangeSet {
    return this.#givenUp;
  }

  /** What is not to be planned in the usual way: given up, in doubt, or in parts. */
  get apart(): RangeSet {
    const doubts = this.#doubts.map(({ seq }): Range => [seq, seq]);
    return [...this.#parts, ...doubts].reduce(addRange, this.#givenUp);
  }

  /** The next part to try, of rows that are still there. */
  next(tail: number): Range | undefined {
    this.#parts = this.#parts.flatMap(([from, to]): Range[] =>
      to < tail ? [] : [[Math.max(from, tail), to]],
    );
    this.#doubts = this.#doubts.filter(({ seq }) => seq >= tail);
    return this.#parts[0];
  }

  taken(range: Range): void {
    this.#drop(range);
    this.#taken += 1;
    this.#doubts = this.#doubts.filter(({ seq }) => !contains([range], seq));
    // Others are taken: now it shows whether it is these rows.
    for (const { seq } of this.#doubts) this.#add([seq, seq]);
  }

  /** The row that is given up with this refusal, if any. */
  refused(range: Range): number | undefined {
    if (this.everything) return undefined;
    this.#drop(range);
    const [from, to] = range;
    if (from < to) {
      const middle = Math.floor((from + to) / 2);
      this.#add([from, middle]);
      this.#add([middle + 1, to]);
      return undefined;
    }
    const doubt = this.#doubts.find(({ seq }) => seq === from);
    if (!doubt) this.#doubts.push({ seq: from, taken: this.#taken });
    if (!doubt || doubt.taken === this.#taken) return undefined;
    this.#doubts = this.#doubts.filter((other) => other !== doubt);
    this.#givenUp = addRange(this.#givenUp, range);
    return from;
  }

  /** Everything is refused, whatever it is: then a row now and again is enough to see that it is taken. */
  get everything(): boolean {
    return this.#doubts.filter(({ taken }) => taken === this.#taken).length >= DOUBTFUL_MAX;
  }

  /** After a broken exchange: whoever answers next may judge otherwise. */
  forget(): void {
    this.#parts = [];
    this.#doubts = [];
  }

  #drop([from, to]: Range): void {
    this.#parts = this.#parts.filter(([low, high]) => low < from || high > to);
  }

  #add(range: Range): void {
    if (contains(this.#parts, range[0])) return;
    this.#parts = [...this.#parts, range].sort((a, b) => a[0] - b[0]);
  }
}
