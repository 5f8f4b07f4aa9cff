import { mkdirSync, readFileSync, realpathSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { z } from 'zod';
import type { Clock } from '../core/clock/clock.js';
import { ColdwatchError } from '../core/errors.js';
import { keepPrivate } from './private-folder.js';

/**
 * Makes a folder this program's own until the process ends, however it ends; again for a folder that is its own does
 * nothing. Throws `folder.in_use`, saying whose it is, when another process has it.
 */
export type ClaimFolder = (folder: string) => void;

/** What the owner wrote about itself; it is for people, the lock alone decides. */
const ownerSchema = z.object({ pid: z.int(), since: z.string() });

/**
 * One process a folder and program: an exclusive transaction on an empty SQLite file, PROGRAM.lock, that is never
 * ended. It is the kernel's lock: it goes with the process, kill -9 included, so none is ever stale.
 */
export function folderLocks(
  program: 'agent' | 'relay',
  clock: Clock,
  warn: (problem: string) => void,
): ClaimFolder {
  const held = new Map<string, Database.Database>();
  // Also keeps them referenced: a connection that is collected as garbage would give its lock up.
  process.once('exit', () => {
    for (const db of held.values()) db.close();
  });
  return (given) => {
    mkdirSync(given, { recursive: true });
    const folder = realpathSync(given);
    if (held.has(folder)) return;
    held.set(folder, lock(folder, program));
    const owner = { pid: process.pid, since: new Date(clock.wall()).toISOString() };
    writeFileSync(ownerFile(folder, program), JSON.stringify(owner), { mode: 0o600 });
    keepPrivate(folder, warn);
  };
}

const ownerFile = (folder: string, program: string) => join(folder, `${program}.owner.json`);

function lock(folder: string, program: string): Database.Database {
  const file = join(folder, `${program}.lock`);
  const db = new Database(file, { timeout: 0 });
  try {
    try {
      db.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      if (codeOf(error) !== 'SQLITE_NOTADB') throw error;
      // Nothing belongs in it: a failing card wrote what is there, and nobody holds it, or it could not be read.
      truncateSync(file);
      db.exec('BEGIN EXCLUSIVE');
    }
    return db;
  } catch (error) {
    db.close();
    if (codeOf(error) !== 'SQLITE_BUSY') throw error;
    throw new ColdwatchError('folder.in_use', inUse(folder, program), { cause: error });
  }
}

const codeOf = (error: unknown) => (error as { code?: string }).code;

function inUse(folder: string, program: string): string {
  let owner = 'a process that has not said which';
  try {
    const { pid, since } = ownerSchema.parse(JSON.parse(readFileSync(ownerFile(folder, program), 'utf8')));
    owner = `process ${pid}, since ${since}`;
  } catch {
    // It has the lock, and has not come to writing this.
  }
  return `${folder} is in use by another coldwatch ${program} (${owner}): stop that one first, or give this one a data folder of its own`;
}
