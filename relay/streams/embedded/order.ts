/** Rows wait until nothing earlier can come any more: WAIT_MS behind the newest by event time, as in the Flink job. */
const WAIT_MS = 5000;
/** A clock that runs ahead would make all others late: rows wait in vain at most this many at a time. */
const WAITING_MAX = 100_000;

export interface Timed {
  at: number;
}

/** Puts rows into the order of event time. Rows later than what was already passed on are counted and left out. */
export class InOrder<T extends Timed> {
  late = 0;
  #watermark = Number.NEGATIVE_INFINITY;
  #waiting: T[] = [];
  readonly #onRow: (row: T) => void;
  readonly #onWatermark: (ms: number) => void;

  /** `onWatermark`: nothing at or before this comes any more. */
  constructor(onRow: (row: T) => void, onWatermark: (ms: number) => void = () => {}) {
    this.#onRow = onRow;
    this.#onWatermark = onWatermark;
  }

  /** Event time that was passed, ms; -Infinity before the first row. */
  get watermark(): number {
    return this.#watermark;
  }

  take(row: T): void {
    if (row.at <= this.#watermark) {
      this.late += 1;
      return;
    }
    this.#waiting.push(row);
    const watermark = row.at - WAIT_MS - 1;
    if (watermark > this.#watermark || this.#waiting.length > WAITING_MAX) this.#release(watermark);
  }

  #release(watermark: number): void {
    this.#watermark = Math.max(this.#watermark, watermark);
    const due = this.#waiting.filter(({ at }) => at <= this.#watermark);
    this.#waiting = due.length === 0 ? this.#waiting : this.#waiting.filter(({ at }) => at > this.#watermark);
    for (const row of due.sort((a, b) => a.at - b.at)) this.#onRow(row);
    this.#onWatermark(this.#watermark);
  }
}
