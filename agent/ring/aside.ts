import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import type { Stream } from '../../core/stream.js';
import { syncFile, writeDurably } from '../../host/durable-file.js';

/*
 * The files beside a ring's, and in which order they come and go, so that a program that dies at any moment goes on
 * where it was:
 *   RING.damaged          the next start makes a new ring; with `ready` the new one is whole and must only be put in place
 *   RING.new              the new ring while it is being made
 *   RING.aside-0001       the damaged file, kept for people
 *   RING.aside-0001.todo  it holds rows that are not yet copied into a salvage file; removed last
 *   salvage-EPOCH-N.part  such a copy while it is being made
 *   salvage-EPOCH-N.db    rows of an other epoch, complete, to be forwarded beside the ring
 */

/** The first row of each stream that carries a number which the relay knows from an other row of this epoch. */
export type Split = Readonly<Record<Stream, number>>;

const splitSchema = z.object({ readings: z.int(), events: z.int(), summaries: z.int() });
const markSchema = z.object({
  why: z.string(),
  split: splitSchema.optional(),
  /** The name that the damaged file gets. */
  ready: z.string().optional(),
});
export type Mark = z.output<typeof markSchema>;

const todoSchema = z.object({
  epoch: z.string().regex(/^[0-9a-f]{16}$/),
  why: z.string(),
  split: splitSchema.optional(),
});
export type Todo = z.output<typeof todoSchema>;

/** Damaged files kept for people; the oldest beyond this go, since cards are small. */
const KEPT_ASIDE = 2;
const MARK = '.damaged';
const TODO = '.todo';
const ASIDE = /\.aside-(\d{4,})$/;
const SALVAGED = /^salvage-[0-9a-f]{16}(-\d{4,})?\.db$/;
/** A database, its log and the log's index. */
const SUFFIXES = ['', '-wal', '-shm'];

/** Notes that the file is damaged, or from where its numbers are: the next start will make a new one. */
export function markDamaged(file: string, mark: Mark): void {
  writeDurably(file + MARK, JSON.stringify(mark));
}

export function unmark(file: string): void {
  rmSync(file + MARK, { force: true });
  syncFile(dirname(file));
}

export function readMark(file: string): Mark | undefined {
  if (!existsSync(file + MARK)) return undefined;
  try {
    return markSchema.parse(JSON.parse(readFileSync(file + MARK, 'utf8')));
  } catch {
    return { why: 'damage was met while running' };
  }
}

/** A name for a damaged file that none beside it has, or had while what was saved of it is still there. */
export function nextAside(file: string): string {
  const numbers = readdirSync(dirname(file)).map((name) => {
    const number = /\.aside-(\d+)/.exec(name)?.[1] ?? /^salvage-[0-9a-f]{16}-(\d+)\./.exec(name)?.[1];
    return Number(number ?? 0);
  });
  return `${file}.aside-${String(Math.max(0, ...numbers) + 1).padStart(4, '0')}`;
}

/** Moves a database with what belongs to it; what has been moved already is left alone. */
export function moveDatabase(from: string, to: string): void {
  for (const suffix of SUFFIXES) if (existsSync(from + suffix)) renameSync(from + suffix, to + suffix);
  syncFile(dirname(to));
}

export function removeDatabase(file: string): void {
  for (const suffix of [...SUFFIXES, '-journal']) rmSync(file + suffix, { force: true });
}

export function writeTodo(aside: string, todo: Todo): void {
  writeDurably(aside + TODO, JSON.stringify(todo));
}

/** Undefined when nothing of it is left to be copied. */
export function readTodo(aside: string): Todo | undefined {
  if (!existsSync(aside + TODO) || !existsSync(aside)) return undefined;
  const parsed = todoSchema.safeParse(JSON.parse(readFileSync(aside + TODO, 'utf8')));
  return parsed.success ? parsed.data : undefined;
}

export function todoDone(aside: string): void {
  rmSync(aside + TODO, { force: true });
  syncFile(dirname(aside));
  forgetOldAsides(dirname(aside));
}

export function forgetOldAsides(folder: string): void {
  const names = readdirSync(folder);
  const numberOf = (name: string) => Number(ASIDE.exec(name)![1]);
  const kept = names.filter((name) => ASIDE.test(name) && !names.includes(name + TODO));
  kept.sort((a, b) => numberOf(a) - numberOf(b));
  for (const name of kept.slice(0, Math.max(0, kept.length - KEPT_ASIDE))) removeDatabase(join(folder, name));
}

/** Damaged files whose rows are still to be copied. */
export function unsaved(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(TODO))
    .map((name) => join(folder, name.slice(0, -TODO.length)));
}

/** Salvaged files that wait to be forwarded. */
export function salvagedFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => SALVAGED.test(name))
    .map((name) => join(folder, name));
}

/** Where what is read of a damaged file goes; without its ending. */
export const salvageName = (aside: string, epoch: string) =>
  join(dirname(aside), `salvage-${epoch}-${ASIDE.exec(basename(aside))![1]}`);

/** From here on the file's name stands for its contents. */
export function publish(part: string, file: string): void {
  syncFile(part);
  renameSync(part, file);
  syncFile(dirname(file));
}

export const NO_SPLIT: Split = {
  readings: Number.MAX_SAFE_INTEGER,
  events: Number.MAX_SAFE_INTEGER,
  summaries: Number.MAX_SAFE_INTEGER,
};
