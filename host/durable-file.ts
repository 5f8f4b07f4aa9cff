import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** A file that is whole or not there, also after a power cut; for this user alone. */
export function writeDurably(file: string, text: string): void {
  const fresh = `${file}.fresh`;
  try {
    writeFileSync(fresh, text, { mode: 0o600 });
    syncFile(fresh);
    renameSync(fresh, file);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
  syncFile(dirname(file));
}

/** Of a folder: the names in it. */
export function syncFile(file: string): void {
  const fd = openSync(file, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
