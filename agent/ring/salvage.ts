import { existsSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { addRange, countOf, missing, type RangeSet } from '../../core/contract/ranges.js';
import { messageOf } from '../../core/errors.js';
import type { Stream } from '../../core/identity.js';
import { RingStore, SCHEMA } from './store.js';

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
const SALVAGED = /^salvage-[0-9a-f]{16}\.db$/;

/** Opens the ring's file, or, when it is damaged, sets it aside, salvages it and opens a new one. */
export function openOrSalvage(file: string): { store: RingStore; salvage: Salvage | undefined } {
  const marked = existsSync(file + MARK);
  try {
    if (!marked) {
      const store = new RingStore(file);
      store.open();
      return { store, salvage: undefined };
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    return afresh(file, messageOf(error));
  }
  return afresh(file, 'damage was met while running');
}

/** Notes that the file is damaged: the next start will salvage it. */
export function markDamaged(file: string): void {
  writeFileSync(file + MARK, '');
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

function afresh(file: string, why: string): { store: RingStore; salvage: Salvage } {
  const aside = setAside(file);
  rmSync(file + MARK, { force: true });
  const salvage = salvageFrom(aside, dirname(file), why);
  return { store: new RingStore(file), salvage };
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

function salvageFrom(aside: string, folder: string, why: string): Salvage {
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
    const readings = copyRows(source, target, 'readings', bytes);
    const events = copyRows(source, target, 'events', bytes);
    target.close();
    return {
      file,
      epoch,
      state: carriedOver(source),
      why,
      saved: readings.saved + events.saved,
      lost: [...readings.lost, ...events.lost],
    };
  } catch {
    return nothing;
  } finally {
    source?.close();
  }
}

/** The alarm's state with its cursor at the new ring's start, and the texts that wait. */
function carriedOver(source: Database.Database): [key: string, json: string][] {
  const get = source.prepare('SELECT value FROM state WHERE key = ?').pluck();
  const alarm = get.get('alarm') as string | undefined;
  const outbox = get.get('outbox') as string | undefined;
  const entries: [string, string][] = outbox === undefined ? [] : [['outbox', outbox]];
  if (alarm !== undefined) entries.push(['alarm', JSON.stringify({ ...JSON.parse(alarm), throughSeq: 0 })]);
  return entries;
}

function copyAll(source: Database.Database, target: Database.Database, table: string): void {
  const rows = source.prepare(`SELECT * FROM ${table}`).raw().all() as unknown[][];
  for (const row of rows) {
    target.prepare(`INSERT OR REPLACE INTO ${table} VALUES (${row.map(() => '?').join(',')})`).run(...row);
  }
}

/** Copies what can be read, halving a window that cannot until the bad rows alone are left out. */
function copyRows(
  source: Database.Database,
  target: Database.Database,
  stream: Stream,
  fileBytes: number,
): { saved: number; lost: Lost[] } {
  const select = source.prepare(`SELECT * FROM ${stream} WHERE seq BETWEEN ? AND ? ORDER BY seq`).raw();
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
  const last = edge('DESC');
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
