import { type Clock, sleep } from '../../core/clock/clock.js';
import type { OnRecords, StoredRecord } from '../log/port.js';

/** Records between a reader and a writer that takes them together: while it is full, the reader waits. */
export class Room {
  readonly #size: number;
  #records: StoredRecord[] = [];
  #waiting: (() => void)[] = [];
  #filled = new AbortController();

  constructor(size: number) {
    this.#size = size;
  }

  get size(): number {
    return this.#records.length;
  }

  /** When the first of them arrived in the log; null where there is none. */
  get sinceMs(): number | null {
    return this.#records[0]?.arrivedMs ?? null;
  }

  add(records: StoredRecord[]): ReturnType<OnRecords> {
    this.#records = this.#records.concat(records);
    if (this.#records.length < this.#size) return;
    this.wake();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  take(): StoredRecord[] {
    const records = this.#records;
    this.#records = [];
    this.#filled = new AbortController();
    this.close();
    return records;
  }

  /** Resolves once it is full, after `ms`, or when woken. */
  async full(clock: Clock, ms: number): Promise<void> {
    await sleep(clock, ms, this.#filled.signal);
  }

  wake(): void {
    this.#filled.abort();
  }

  /** Nobody waits any more. */
  close(): void {
    for (const go of this.#waiting.splice(0)) go();
  }
}
