import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { addRange, countOf, missing, type RangeSet } from '../../core/contract/ranges.js';
import { messageOf } from '../../core/errors.js';
import { STREAMS, type Stream } from '../../core/stream.js';
import { RingStore, SCHEMA } from './store.js';
import type { Limits } from './thin.js';

/*
 * A ring whose file is damaged: what can be read is copied, under its own epoch and numbers, into a file of its
 * own that is forwarded beside the new ring and then removed. So a row that the relay already has stays the same
 * row, and none is sent twice under another name. The damaged file is put aside for people to look at.
 */
export interface Salvage {
  /** Where the readable rows are; undefined when nothing could be read. */
  file: string | undefined;
  epoch: string | undefined;
  /** What was firing and what was to be texted: the new ring goes on from there. */
  state: [key: string, json: string][];
  why: string;
  saved: number;
  lost: Lost[];
}

/** The first row of each stream that carries a number which the relay knows from an other row of this epoch. */
export type Split = Readonly<Record<Stream, number>>;

/** Rows that could not be read; without `to`, nobody knows how many. */
export interface Lost {
  stream: Stream;
  from: number;
  to?: number;
}

/** Damaged files kept for people; the oldest beyond this go, since cards are small. */
const KEPT_ASIDE = 2;
const WINDOW = 500;
const ROW_BYTES_MIN = 16;
const MARK = '.damaged';
const NO_SPLIT: Split = {
  readings: Number.MAX_SAFE_INTEGER,
  events: Number.MAX_SAFE_INTEGER,
  summaries: Number.MAX_SAFE_INTEGER,
};
const SALVAGED = /^salvage-[0-9a-f]{16}\.db$/;

/** Opens the ring's file, or, when it is damaged, sets it aside, salvages it and opens a new one. */
export function openOrSalvage(
  file: string,
  limits: ReadonlyMap<string, Limits>,
): { store: RingStore; salvage: Salvage | undefined } {
  const split = readMark(file);
  let why = 'damage was met while running';
  if (split === undefined) {
    try {
      const store = new RingStore(file, limits);
      store.open();
      return { store, salvage: undefined };
    } catch (error) {
      if (!isDamage(error)) throw error;
      why = messageOf(error);
    }
  }
  if (split) why = 'it was an older copy of itself, put back in its place';
  const aside = setAside(file);
  rmSync(file + MARK, { force: true });
  const salvage = salvageFrom(aside, dirname(file), why, split ?? NO_SPLIT);
  if (split) renumber(aside, file, split);
  return { store: new RingStore(file, limits), salvage };
}

/** Notes that the file is damaged, or from where its numbers are: the next start will salvage it. */
export function markDamaged(file: string, split?: Split): void {
  const mark = openSync(file + MARK, 'w');
  try {
    writeFileSync(mark, split ? JSON.stringify(split) : '');
    fsyncSync(mark);
  } catch (error) {
    rmSync(file + MARK, { force: true });
    throw error;
  } finally {
    closeSync(mark);
  }
}

/** Undefined without a mark; null where it says no more than "damaged". */
function readMark(file: string): Split | null | undefined {
  if (!existsSync(file + MARK)) return undefined;
  try {
    return JSON.parse(readFileSync(file + MARK, 'utf8')) as Split;
  } catch {
    return null;
  }
}

export function isDamage(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code !== undefined && /^SQLITE_(CORRUPT|NOTADB)/.test(code);
}

/** Salvaged files that wait to be forwarded. */
export function salvagedFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => SALVAGED.test(name))
    .map((name) => join(folder, name));
}

function setAside(file: string): string {
  const folder = dirname(file);
  const older = readdirSync(folder)
    .filter((name) => name.startsWith(`${basename(file)}.aside-`) && /\d$/.test(name))
    .sort();
  const number = Number(older.at(-1)?.split('-').at(-1) ?? 0) + 1;
  const aside = `${file}.aside-${String(number).padStart(4, '0')}`;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix);
  }
  for (const name of older.slice(0, Math.max(0, older.length + 1 - KEPT_ASIDE))) {
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(folder, name + suffix), { force: true });
  }
  return aside;
}

function salvageFrom(aside: string, folder: string, why: string, split: Split): Salvage {
  const nothing: Salvage = { file: undefined, epoch: undefined, state: [], why, saved: 0, lost: [] };
  let source: Database.Database | undefined;
  try {
    source = new Database(aside);
    const epoch = source.prepare("SELECT value FROM meta WHERE key = 'epoch'").pluck().get();
    if (typeof epoch !== 'string' || !/^[0-9a-f]{16}$/.test(epoch)) return nothing;
    const file = join(folder, `salvage-${epoch}.db`);
    rmSync(file, { force: true });
    const target = new Database(file);
    target.exec(SCHEMA);
    target.prepare("INSERT INTO meta VALUES ('epoch', ?)").run(epoch);
    for (const table of ['channels', 'segments', 'state']) copyAll(source, target, table);
    const bytes = statSync(aside).size;
    const copied = STREAMS.map((stream) => copyRows(source!, target, stream, bytes, split[stream]));
    target.close();
    return {
      file,
      epoch,
      state: carriedOver(source, split.readings),
      why,
      saved: copied.reduce((sum, { saved }) => sum + saved, 0),
      lost: copied.flatMap(({ lost }) => lost),
    };
  } catch {
    return nothing;
  } finally {
    source?.close();
  }
}

/** The alarm's state with its cursor as the new ring numbers rows, the texts that wait, and which PIN was tried. */
function carriedOver(source: Database.Database, firstKept: number): [key: string, json: string][] {
  const get = source.prepare('SELECT value FROM state WHERE key = ?').pluck();
  const alarm = get.get('alarm') as string | undefined;
  const outbox = get.get('outbox') as string | undefined;
  const entries: [string, string][] = outbox === undefined ? [] : [['outbox', outbox]];
  const pin = get.get('sim_pin') as string | undefined;
  if (pin !== undefined) entries.push(['sim_pin', pin]);
  if (alarm !== undefined) {
    const state = JSON.parse(alarm) as { throughSeq: number };
    const throughSeq = Math.max(0, state.throughSeq - firstKept + 1);
    entries.push(['alarm', JSON.stringify({ ...state, throughSeq })]);
  }
  return entries;
}

/** Rows from the split on begin the new ring, numbered from 1 and as fresh as they were. */
function renumber(aside: string, file: string, split: Split): void {
  const source = new Database(aside, { readonly: true });
  new RingStore(file).close();
  const target = new Database(file);
  target.transaction(() => {
    for (const table of ['channels', 'segments', 'receipt_groups']) copyAll(source, target, table);
    for (const stream of STREAMS) {
      const rows = source.prepare(`SELECT * FROM ${stream} WHERE seq >= ? ORDER BY seq`).raw();
      for (const [seq, ...rest] of rows.iterate(split[stream]) as Iterable<[number, ...unknown[]]>) {
        insertInto(target, stream, [seq - split[stream] + 1, ...rest]);
      }
    }
  })();
  target.close();
  source.close();
}

function insertInto(target: Database.Database, table: string, row: readonly unknown[]): void {
  target.prepare(`INSERT OR REPLACE INTO ${table} VALUES (${row.map(() => '?').join(',')})`).run(...row);
}

function copyAll(source: Database.Database, target: Database.Database, table: string): void {
  const rows = source.prepare(`SELECT * FROM ${table}`).raw().all() as unknown[][];
  for (const row of rows) insertInto(target, table, row);
}

/** Copies what can be read, halving a window that cannot until the bad rows alone are left out. */
function copyRows(
  source: Database.Database,
  target: Database.Database,
  stream: Stream,
  fileBytes: number,
  before: number,
): { saved: number; lost: Lost[] } {
  const select = source
    .prepare(`SELECT * FROM ${stream} WHERE seq BETWEEN ? AND min(?, ${before - 1}) ORDER BY seq`)
    .raw();
  const columns = select.columns().length;
  const insert = target.prepare(`INSERT INTO ${stream} VALUES (${Array(columns).fill('?').join(',')})`);
  const edge = (order: 'ASC' | 'DESC') => {
    try {
      return source.prepare(`SELECT seq FROM ${stream} ORDER BY seq ${order} LIMIT 1`).pluck().get() as
        | number
        | undefined;
    } catch {
      return Number.NaN;
    }
  };
  const first = edge('ASC');
  let last = edge('DESC');
  if (first === undefined || last === undefined) return { saved: 0, lost: [] };
  const low = Number.isNaN(first) ? 1 : first;
  // An end that cannot be read: no file of this size holds more rows than this.
  const high = Number.isNaN(last) ? low + Math.ceil(fileBytes / ROW_BYTES_MIN) : last;
  let got: RangeSet = [];
  const copy = (from: number, to: number): void => {
    try {
      const rows = select.all(from, to) as unknown[][];
      target.transaction(() => {
        for (const row of rows) insert.run(...row);
      })();
      for (const [seq] of rows) got = addRange(got, [seq as number, seq as number]);
    } catch {
      if (from === to) return;
      const middle = Math.floor((from + to) / 2);
      copy(from, middle);
      copy(middle + 1, to);
    }
  };
  for (let from = low; from <= high; from += WINDOW) copy(from, Math.min(high, from + WINDOW - 1));
  if (last >= before) last = before - 1;
  const end = Number.isNaN(last) ? (got.at(-1)?.[1] ?? low) : last;
  const holes = missing(got, [low, end]);
  // The forwarder knows these as rows that will never be sent.
  target
    .prepare('INSERT OR REPLACE INTO state VALUES (?, ?)')
    .run(`refused.${stream}`, JSON.stringify(holes));
  const lost: Lost[] = holes.map(([from, to]) => ({ stream, from, to }));
  if (Number.isNaN(last)) lost.push({ stream, from: end + 1 });
  return { saved: countOf(got), lost };
}
