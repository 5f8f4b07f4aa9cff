import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { preload } from './preload.js';

const SECTOR = 512;

/** A folder on a disk that can be slow, read-only or broken, and whose power can be cut (test/world/faults/disk.c). */
export class FaultyDisk {
  readonly folder: string;
  readonly #control: string;
  readonly #synced: string;

  constructor(root: string) {
    this.folder = join(root, 'disk');
    this.#control = join(root, 'disk-control');
    this.#synced = join(root, 'disk-synced');
    for (const folder of [this.folder, this.#synced]) mkdirSync(folder, { recursive: true });
  }

  /** What a process needs in its environment to write to this disk. */
  env(crashAtSync?: number): Record<string, string> {
    return {
      LD_PRELOAD: preload('disk'),
      DISK_FOLDER: this.folder,
      DISK_CONTROL: this.#control,
      DISK_SYNCED: this.#synced,
      ...(crashAtSync === undefined ? {} : { DISK_CRASH_AT: String(crashAtSync) }),
    };
  }

  behave(how: 'well' | 'readonly' | 'broken' | 'dead' | 'full' | { slowMs: number }): void {
    writeFileSync(
      this.#control,
      typeof how === 'string' ? (how === 'well' ? '' : how) : `slow ${how.slowMs}`,
    );
  }

  /**
   * The power goes (whoever wrote must be dead already): of what was written since its last sync, each sector is on
   * the disk or is not, as `random` has it.
   */
  cutPower(random: () => number): void {
    for (const name of readdirSync(this.folder)) {
      const file = join(this.folder, name);
      const synced = join(this.#synced, name);
      // Shared memory of SQLite is made anew; a file that was never synced may be without its name.
      if (name.endsWith('-shm') || (!existsSync(synced) && random() < 0.5)) {
        rmSync(file);
        continue;
      }
      const after = readFileSync(file);
      const before = existsSync(synced) ? readFileSync(synced) : Buffer.alloc(0);
      const left = Buffer.from(random() < 0.5 ? after : before);
      for (let at = 0; at < left.length; at += SECTOR) {
        const source = random() < 0.5 ? after : before;
        if (at < source.length) source.copy(left, at, at, Math.min(at + SECTOR, source.length, left.length));
      }
      // What is there when the power comes back is on the disk.
      writeFileSync(file, left);
      writeFileSync(synced, left);
    }
  }
}
