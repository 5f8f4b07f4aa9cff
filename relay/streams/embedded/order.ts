import { IDLE_MS, MARGIN_MS, PATIENCE_MS } from '../meaning.js';

/** Rows wait in pieces of a second: a piece is passed on once it is whole. */
const PIECE_MS = 1000;
/** Rows that wait at most: beyond, the oldest pieces are passed on as they are. */
const WAITING_MAX = 500_000;

/** When something counts as measured: not after it came, nor longer before than the streams wait. */
export const eventTime = (measuredAt: number, arrivedMs: number) =>
  Math.max(Math.min(measuredAt, arrivedMs), arrivedMs - PATIENCE_MS);

/**
 * Event time that was passed: behind what last arrived in each partition, the slowest of those that give anything. So no
 * sender's clock and no sender's link moves it.
 */
export class Watermark {
  readonly #partitions = new Map<string, { arrivedMs: number; heardMs: number }>();
  #ms = Number.NEGATIVE_INFINITY;

  /** `nowMs`: by the clock of this process. */
  arrived(partition: string, arrivedMs: number, nowMs: number): number {
    const before = this.#partitions.get(partition)?.arrivedMs ?? Number.NEGATIVE_INFINITY;
    this.#partitions.set(partition, { arrivedMs: Math.max(before, arrivedMs), heardMs: nowMs });
    return this.#advance(nowMs);
  }

  /** Time passes although nothing comes: what is idle holds back nobody, and where all is, the clock counts. */
  passed(nowMs: number): number {
    const idle = [...this.#partitions.values()].every(({ heardMs }) => nowMs - heardMs > IDLE_MS);
    if (!idle) return this.#advance(nowMs);
    this.#ms = Math.max(this.#ms, nowMs - PATIENCE_MS - MARGIN_MS);
    return this.#ms;
  }

  #advance(nowMs: number): number {
    let slowest = Number.POSITIVE_INFINITY;
    for (const { arrivedMs, heardMs } of this.#partitions.values()) {
      if (nowMs - heardMs <= IDLE_MS) slowest = Math.min(slowest, arrivedMs);
    }
    if (Number.isFinite(slowest)) this.#ms = Math.max(this.#ms, slowest - PATIENCE_MS - MARGIN_MS);
    return this.#ms;
  }
}

export interface Timed {
  /** Event time, ms. */
  t: number;
}

/** Puts rows into the order of event time. Rows later than what was already passed on are counted and left out. */
export class InOrder<T extends Timed> {
  late = 0;
  #passed = Number.NEGATIVE_INFINITY;
  #waiting = 0;
  readonly #pieces = new Map<number, T[]>();
  readonly #onRow: (row: T) => void;
  readonly #onPassed: (ms: number) => void;

  /** `onPassed`: nothing at or before this comes any more. */
  constructor(onRow: (row: T) => void, onPassed: (ms: number) => void = () => {}) {
    this.#onRow = onRow;
    this.#onPassed = onPassed;
  }

  /** Event time that was passed, ms; -Infinity before the first. */
  get passedMs(): number {
    return this.#passed;
  }

  take(row: T): void {
    if (row.t <= this.#passed) {
      this.late += 1;
      return;
    }
    const piece = Math.floor(row.t / PIECE_MS);
    const rows = this.#pieces.get(piece);
    if (rows) rows.push(row);
    else this.#pieces.set(piece, [row]);
    this.#waiting += 1;
    if (this.#waiting > WAITING_MAX) this.#release((Math.min(...this.#pieces.keys()) + 1) * PIECE_MS - 1);
  }

  /** Event time has come to `ms`. */
  pass(ms: number): void {
    const whole = Math.floor((ms + 1) / PIECE_MS) * PIECE_MS - 1;
    if (whole > this.#passed) this.#release(whole);
  }

  #release(throughMs: number): void {
    const due = [...this.#pieces.keys()]
      .filter((piece) => piece * PIECE_MS < throughMs)
      .sort((a, b) => a - b);
    for (const piece of due) {
      const rows = this.#pieces.get(piece)!;
      this.#pieces.delete(piece);
      this.#waiting -= rows.length;
      for (const row of rows.sort((a, b) => a.t - b.t)) this.#onRow(row);
    }
    this.#passed = Math.max(this.#passed, throughMs);
    this.#onPassed(this.#passed);
  }
}
