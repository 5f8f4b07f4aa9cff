import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { AllowedRange } from '../../core/detect/allowed.js';
import { messageOf } from '../../core/errors.js';
import {
  forgetOldAsides,
  type Mark,
  markDamaged,
  moveDatabase,
  nextAside,
  publish,
  readMark,
  unmark,
  writeTodo,
} from './aside.js';
import { DamagedRing } from './damaged-ring.js';
import { finishMoves } from './move.js';
import { makeFollower } from './salvage.js';
import { RingStore } from './store.js';
import { isDamage } from './tables.js';

/** In memory nothing is ever damaged, and nothing beside it is ours. */
export const IN_MEMORY = ':memory:';

const EPOCH_IN_NAME = /^salvage-([0-9a-f]{16})/;

/** Opens the ring's file; when it is damaged, puts it aside for salvage.ts and opens a new one that follows it. */
export function openOrFollow(file: string, limits: ReadonlyMap<string, AllowedRange>): RingStore {
  if (file === IN_MEMORY) return new RingStore(file, limits);
  let mark = readMark(file);
  if (!mark) {
    const opened = open(file, limits);
    if (opened instanceof RingStore) return finishMoves(file, opened);
    mark = opened;
    markDamaged(file, mark);
  }
  follow(file, mark);
  return finishMoves(file, new RingStore(file, limits));
}

/** The store, or how it is damaged. */
function open(file: string, limits: ReadonlyMap<string, AllowedRange>): RingStore | Mark {
  let store: RingStore | undefined;
  try {
    store = new RingStore(file, limits);
    store.open();
    return store;
  } catch (error) {
    store?.close();
    // What fails on what it has read, and not in SQLite, has read nonsense.
    if (!isDamage(error) && (error as { code?: string }).code !== undefined) throw error;
    return { why: messageOf(error) };
  }
}

/** Each step may be the last one: then the next start begins there. The mark goes last. */
function follow(file: string, mark: Mark): void {
  const fresh = `${file}.new`;
  let { ready } = mark;
  if (ready === undefined) {
    ready = nextAside(file);
    const source = new DamagedRing(file);
    try {
      makeFollower(source, fresh, mark.why, mark.split);
      if (source.epoch !== undefined) {
        const split = mark.split ? { split: mark.split } : {};
        writeTodo(ready, { epoch: source.epoch, why: mark.why, ...split });
      }
    } finally {
      source.close();
    }
    markDamaged(file, { ...mark, ready });
  }
  if (existsSync(fresh)) {
    moveDatabase(file, ready);
    publish(fresh, file);
  }
  unmark(file);
  forgetOldAsides(dirname(file));
}

/** Opens a file of salvaged rows; one that is damaged itself is put aside, to be salvaged again. */
export function openSalvaged(file: string, limits: ReadonlyMap<string, AllowedRange>): RingStore {
  const opened = readMark(file) ?? open(file, limits);
  if (opened instanceof RingStore) return opened;
  const aside = nextAside(file);
  writeTodo(aside, { epoch: EPOCH_IN_NAME.exec(basename(file))![1]!, why: opened.why });
  moveDatabase(file, aside);
  unmark(file);
  throw new Error(`salvaged rows were damaged again: ${opened.why}`);
}

/** What a run that died has left half made; nothing of it stands for anything. */
export function tidy(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (/\.(part|fresh)(-wal|-shm|-journal)?$/.test(name)) rmSync(join(folder, name), { force: true });
  }
}
