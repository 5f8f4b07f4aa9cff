import { chmodSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../core/errors.js';

/** What a data folder holds of ours: rings and logs with SQLite's files beside them, what was salvaged, locks. */
const OURS = /^(ring|log|archive|identity)\.|^(agent|relay)\.(lock|owner\.json)/;
const [FILE_MODE, FOLDER_MODE] = [0o600, 0o700];
const STICKY = 0o1000;

/** Whatever this process makes from now on, no other user may read. */
export function makePrivate(): void {
  process.umask(0o077);
}

/**
 * Readings, alerts and who answered them are for this user alone: also in files of an older version. A folder that
 * holds other things too keeps its mode, as others may need it. Tells what stays open.
 */
export function keepPrivate(folder: string, warn: (problem: string) => void): void {
  try {
    const names = readdirSync(folder);
    for (const name of names.filter((one) => OURS.test(one))) close(join(folder, name), FILE_MODE);
    const { mode } = lstatSync(folder);
    if ((mode & 0o077) === 0) return;
    if ((mode & STICKY) === 0 && names.every((name) => OURS.test(name))) close(folder, FOLDER_MODE);
    else
      warn(
        `${folder} can be read by other users, and holds more than coldwatch's data: give it a folder of its own`,
      );
  } catch (error) {
    warn(`${folder} cannot be kept from other users: ${messageOf(error)}`);
  }
}

function close(path: string, to: number): void {
  const entry = lstatSync(path, { throwIfNoEntry: false });
  // Of a link, the mode is its target's, and the target may be anybody's.
  if (entry && !entry.isSymbolicLink() && (entry.mode & 0o777 & ~to) !== 0) chmodSync(path, to);
}
