import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { preload } from './preload.js';

/** The wall clock of one process, which can be set wrong while it runs (test/world/faults/clock.c). */
export class FaultyClock {
  readonly #file: string;

  constructor(root: string) {
    this.#file = join(root, 'clock-shift');
    writeFileSync(this.#file, Buffer.alloc(8));
  }

  env(): Record<string, string> {
    return { LD_PRELOAD: preload('clock'), CLOCK_SHIFT: this.#file };
  }

  /** Milliseconds ahead of (or behind) the true time, from now on. */
  shift(ms: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(Math.round(ms)));
    // In place: the process has the file in its memory.
    const fd = openSync(this.#file, 'r+');
    writeSync(fd, bytes, 0, 8, 0);
    closeSync(fd);
  }
}
