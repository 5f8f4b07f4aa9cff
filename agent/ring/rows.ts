import type { ReadingRow } from '../../core/contract/batch.js';
import type { Channel } from '../../core/reading.js';

/*
 * Rows as they cross between the threads: numbers only, side by side in one buffer that is handed over, not copied.
 * (Objects and arrays would be cloned value by value: that took more time than SQLite itself.)
 */

/** Cells of a row on its way to the card: seq, channel, segment, mono, deviceMs (NaN: none), milli, quality. */
export const WRITE_CELLS = 7;
/** Cells of a row on its way back: channel (NaN: the row is damaged), measuredAt, estimated (0 or 1), milli, quality. */
export const READ_CELLS = 5;

const FIRST_ROWS = 64;

/** Rows of numbers that grow at the end. */
export class RowBuffer {
  #cells: Float64Array<ArrayBuffer>;
  #used = 0;
  readonly #width: number;

  constructor(width: number, rows = FIRST_ROWS) {
    this.#width = width;
    this.#cells = new Float64Array(rows * width);
  }

  get rows(): number {
    return this.#used / this.#width;
  }

  /** Room for one row; the index of its first cell in `cells`. */
  grow(): number {
    const at = this.#used;
    if (at + this.#width > this.#cells.length) {
      const larger = new Float64Array(Math.max(this.#cells.length, this.#width) * 2);
      larger.set(this.#cells);
      this.#cells = larger;
    }
    this.#used += this.#width;
    return at;
  }

  get cells(): Float64Array<ArrayBuffer> {
    return this.#cells;
  }

  append(other: RowBuffer): void {
    for (let i = 0; i < other.rows; i++) {
      const at = this.grow();
      this.#cells.set(other.#cells.subarray(i * this.#width, (i + 1) * this.#width), at);
    }
  }

  dropFirst(rows: number): void {
    this.#cells.copyWithin(0, rows * this.#width, this.#used);
    this.#used -= rows * this.#width;
  }

  /** A copy of exactly the rows that are there. */
  packed(): Float64Array<ArrayBuffer> {
    return this.#cells.slice(0, this.#used);
  }
}

/** Undoes READ_CELLS. `bad` are the places of rows whose channel does not exist: those are not as they were written. */
export function unpackRows(
  cells: Float64Array,
  channelOf: (id: number) => Channel | undefined,
): { rows: (ReadingRow | undefined)[]; bad: number[] } {
  const rows = new Array<ReadingRow | undefined>(cells.length / READ_CELLS);
  const bad: number[] = [];
  for (let i = 0, at = 0; i < rows.length; i++, at += READ_CELLS) {
    const channel = channelOf(cells[at]!);
    if (!channel) {
      bad.push(i);
      continue;
    }
    rows[i] = {
      sensor: channel.sensor,
      quantity: channel.quantity,
      measuredAt: cells[at + 1]!,
      estimated: cells[at + 2] === 1,
      milli: cells[at + 3]!,
      quality: cells[at + 4]!,
    };
  }
  return { rows, bad };
}
