import Database from 'better-sqlite3';
import { rangeSetSchema } from '../../core/contract/range-schema.js';
import { countOf, missing, type RangeSet, union } from '../../core/contract/ranges.js';
import { STREAMS, type Stream } from '../../core/stream.js';
import { NO_SPLIT, publish, readTodo, removeDatabase, type Split, salvageName, todoDone } from './aside.js';
import { DamagedRing } from './damaged-ring.js';
import { keyOf } from './holes.js';
import { LAST_KNOWN } from './store.js';
import { prepareTables, spansOf, type Write, writeEdges, writer } from './tables.js';

/*
 * A ring whose file is damaged is put aside, and a new one runs at once (recover.ts). Then, beside it, what can be read
 * of the damaged one is copied, under its own epoch and numbers, into a file of its own that is forwarded and then
 * removed. So a row that the relay already has stays the same row, and none is sent twice under another name.
 */
export interface Salvage {
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

/** The state in which a salvage file says what it lacks; and a new ring, that it follows a damaged one. */
export const REPORT = 'salvage_report';
export const FOLLOWS = 'follows_damaged';

/** State of a ring about itself, which none that follows it takes over. */
const OWN_STATE =
  /^(held|refused|holes|reported)\.|^(unlearned|moved|epoch|edges|salvage_report|follows_damaged|stopped)$/;

/** Copies at once; a bulk copy that is not finished is begun again, so only its end must be durable. */
const COPY_PRAGMAS = ['journal_mode = OFF', 'synchronous = OFF'];

/** Copies what can be read of a file put aside. Gives the salvage file; undefined when nothing was left to do. */
export function salvage(aside: string): string | undefined {
  const todo = readTodo(aside);
  if (!todo) {
    todoDone(aside);
    return undefined;
  }
  const name = salvageName(aside, todo.epoch);
  const part = `${name}.part`;
  removeDatabase(part);
  const source = new DamagedRing(aside);
  const target = openForCopy(part);
  try {
    prepareTables(target, todo.epoch);
    const write = writer(target);
    target.transaction(() => {
      for (const table of ['channels', 'segments', 'state'] as const) {
        for (const row of source.rows(table)) write(table, row);
      }
      write('state', ['epoch', JSON.stringify(todo.epoch)]);
      const lost = STREAMS.map((stream) =>
        copyStream(source, stream, (todo.split ?? NO_SPLIT)[stream], write),
      );
      const report: Salvage = {
        why: todo.why,
        saved: lost.reduce((sum, { saved }) => sum + saved, 0),
        lost: lost.flatMap((stream) => stream.lost),
      };
      write('state', [REPORT, JSON.stringify(report)]);
      writeEdges(write, spansOf(target));
    })();
  } finally {
    source.close();
    target.close();
  }
  publish(part, `${name}.db`);
  todoDone(aside);
  return `${name}.db`;
}

function openForCopy(file: string): Database.Database {
  const db = new Database(file);
  for (const pragma of COPY_PRAGMAS) db.pragma(pragma);
  return db;
}

/** Copies the rows before the split, and notes in the copy which of them are lost. */
function copyStream(
  source: DamagedRing,
  stream: Stream,
  split: number,
  write: Write,
): { saved: number; lost: Lost[] } {
  const { low, high } = source.span(stream);
  const from = Math.max(1, low ?? 1);
  const to = Math.min(high ?? from + source.rowsMax, split - 1);
  const got = from > to ? [] : source.copy(stream, [from, to], (row) => write(stream, row));
  const held = rangesOf(source.state(`held.${stream}`));
  const known = high === undefined ? (union(got, held).at(-1)?.[1] ?? from - 1) : to;
  const holes = from > known ? [] : missing(union(got, held), [from, known]);
  const before = rangesOf(source.state(keyOf(stream)));
  // The forwarder knows these as rows that will never be sent.
  const all = from > known ? before : union(before, missing(got, [from, known]));
  write('state', [keyOf(stream), JSON.stringify(all)]);
  const lost: Lost[] = holes
    .flatMap((range) => missing(before, range))
    .map(([first, last]) => ({ stream, from: first, to: last }));
  if (known < split - 1 && source.isOpenEnded(stream)) lost.push({ stream, from: known + 1 });
  return { saved: countOf(got), lost };
}

const rangesOf = (json: string | undefined): RangeSet =>
  json === undefined ? [] : rangeSetSchema.catch([]).parse(JSON.parse(json));

/**
 * The ring that follows a damaged one, under a new epoch: with what is firing, what is to be texted, what was learned
 * and confirmed. Rows from the split on begin it, numbered from 1 and as fresh as they were.
 */
export function makeFollower(source: DamagedRing, file: string, why: string, split: Split | undefined): void {
  removeDatabase(file);
  const target = openForCopy(file);
  try {
    prepareTables(target);
    const write = writer(target);
    target.transaction(() => {
      for (const table of ['channels', 'segments', 'receipt_groups'] as const) {
        for (const row of source.rows(table)) write(table, row);
      }
      for (const [key, json] of carriedOver(source, split)) write('state', [key, json]);
      const lost = STREAMS.flatMap((stream) => (split ? renumber(source, stream, split[stream], write) : []));
      write('state', [FOLLOWS, JSON.stringify({ why, epoch: source.epoch ?? null, lost })]);
      writeEdges(write, spansOf(target));
    })();
  } finally {
    target.close();
  }
}

/** Gives how many rows could not be read: their numbers say nothing, since the relay knows them from others. */
function renumber(source: DamagedRing, stream: Stream, split: number, write: Write): Stream[] {
  const end = source.span(stream).high ?? source.lastSeen(stream);
  if (end < split) return [];
  let next = 1;
  const got = source.copy(stream, [split, end], ([, ...rest]) => write(stream, [next++, ...rest]));
  return countOf(got) < end - split + 1 ? [stream] : [];
}

/** State that is not about the ring itself; the alarm's with its cursor as the new ring numbers rows. */
function carriedOver(source: DamagedRing, split: Split | undefined): [string, string][] {
  const last = source.last();
  const entries = (source.rows('state') as [string, string][]).filter(([key]) => !OWN_STATE.test(key));
  const carried = new Map(entries);
  if (last) carried.set(LAST_KNOWN, JSON.stringify(last));
  const alarm = carried.get('alarm');
  const firstKept = (split ?? NO_SPLIT).readings;
  if (alarm !== undefined)
    carried.set(
      'alarm',
      withCursor(alarm, (throughSeq) => Math.max(0, throughSeq - firstKept + 1)),
    );
  return [...carried];
}

/** The alarm's state, as a ring that numbers rows otherwise keeps it. */
export function withCursor(alarm: string, cursorOf: (throughSeq: number) => number): string {
  const state = JSON.parse(alarm) as { throughSeq: number };
  return JSON.stringify({ ...state, throughSeq: cursorOf(state.throughSeq) });
}

export type Follows = { why: string; epoch: string | null; lost: Stream[] };
