import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { AllowedRange } from '../../core/detect/allowed.js';
import { RingStore } from './store.js';

/*
 * Files that somebody removes under a running agent stay readable as long as they are open, and are gone with the
 * process: what is written meanwhile would be lost without a word. So they are looked at before each commit.
 */
export class RingFiles {
  readonly #file: string;
  readonly #inodes: ReadonlyMap<string, number>;

  /** Of a ring that is open. */
  constructor(file: string) {
    this.#file = file;
    this.#inodes = new Map([file, `${file}-wal`].map((path) => [path, inodeOf(path)]));
  }

  /** They are not where they were, or others are in their place. */
  get removed(): boolean {
    return [...this.#inodes].some(([path, inode]) => inodeOf(path) !== inode);
  }

  /**
   * Writes the ring anew, all of it and with its epoch, from the files that are still open. What stands in its place
   * (an older copy that somebody has put back) is kept beside it.
   */
  putBack(store: RingStore, limits: ReadonlyMap<string, AllowedRange>): RingStore {
    const file = this.#file;
    const [fresh, folder] = [`${file}.fresh`, dirname(file)];
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    rmSync(fresh, { force: true });
    store.copyTo(fresh);
    chmodSync(fresh, 0o600);
    sync(fresh);
    store.close();
    if (existsSync(file) && inodeOf(file) !== this.#inodes.get(file)) renameSync(file, `${file}.replaced`);
    for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true });
    renameSync(fresh, file);
    sync(folder);
    return new RingStore(file, limits);
  }
}

const inodeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.ino ?? 0;

function sync(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
