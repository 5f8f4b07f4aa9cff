import { type Clock, sleep } from '../../../core/clock/clock.js';
import { AGAIN_MS, type Behind, type OnRecords, type StoredRecord, type Tail } from '../port.js';
import type { Rows } from './rows.js';

/** Delivers rows as they come, one delivery after the other. */
export class EmbeddedTail implements Tail {
  readonly #rows: Rows;
  readonly #onRecords: OnRecords;
  readonly #clock: Clock;
  readonly #onStopped: (tail: EmbeddedTail) => void;
  readonly #stop = new AbortController();
  #work: Promise<void> | undefined;
  #woken = false;

  constructor(rows: Rows, onRecords: OnRecords, clock: Clock, onStopped: (tail: EmbeddedTail) => void) {
    this.#rows = rows;
    this.#onRecords = onRecords;
    this.#clock = clock;
    this.#onStopped = onStopped;
  }

  /** There may be more. */
  wake(): void {
    this.#woken = true;
    this.#work ??= this.#deliver().finally(() => {
      this.#work = undefined;
      if (this.#woken && !this.#stop.signal.aborted) this.wake();
    });
  }

  async #deliver(): Promise<void> {
    for (;;) {
      // Not on the appender's own turn.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#stop.signal.aborted) return;
      this.#woken = false;
      const records = this.#rows.next();
      if (records.length === 0) return;
      await this.#hand(records);
    }
  }

  async #hand(records: StoredRecord[]): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        return await this.#onRecords(records);
      } catch {
        await sleep(this.#clock, AGAIN_MS, this.#stop.signal);
      }
    }
  }

  async behind(): Promise<Behind> {
    return this.#rows.behind();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#onStopped(this);
    await this.#work;
  }
}
