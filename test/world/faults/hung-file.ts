import { execFileSync } from 'node:child_process';
import { closeSync, constants, linkSync, openSync, renameSync, unlinkSync } from 'node:fs';

/** A file whose reader waits in the kernel, as on a bus that hangs: a FIFO that nobody writes to, in the file's place. */
export class HungFile {
  readonly #fifo: string;

  constructor(path: string) {
    this.#fifo = `${path}.fifo`;
    execFileSync('mkfifo', [this.#fifo]);
    // A second name: whoever waits can be let go also when the file is back.
    linkSync(this.#fifo, `${path}.new`);
    renameSync(`${path}.new`, path);
  }

  /** Whoever waits reads an empty file. To be called once another file is in its place. */
  release(): void {
    try {
      closeSync(openSync(this.#fifo, constants.O_WRONLY | constants.O_NONBLOCK));
    } catch {
      // Nobody waits.
    }
    unlinkSync(this.#fifo);
  }
}
