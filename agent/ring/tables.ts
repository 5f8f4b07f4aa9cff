import { randomBytes } from 'node:crypto';
import type Database from 'better-sqlite3';
import { z } from 'zod';
import { STREAMS, type Stream } from '../../core/stream.js';
import { type Cell, isWhole, sumOf } from './sums.js';

/*
 * The tables of a ring's file. Each row carries a checksum (`sum`, sums.ts): damage that SQLite does not notice, since
 * the page still looks like one, must not pass for a reading.
 *
 * A row of `readings` is small integers only (≤ 32 bytes of file). Times: `mono` is ms since boot, and the row's
 * segment says which boot, and how far its wall clock and its timeline were ahead of `mono`; so setting the clock
 * later corrects one segment, not a million rows. `device_ms` is there when the device gave the time itself.
 * A row of `receipts` holds those of one commit: pairs of packet id and digest, as doubles.
 */
const COLUMNS = {
  meta: 'key TEXT PRIMARY KEY, value TEXT NOT NULL',
  channels: 'id INTEGER PRIMARY KEY, sensor TEXT NOT NULL, quantity TEXT NOT NULL',
  segments: `id INTEGER PRIMARY KEY, boot TEXT NOT NULL, wall_offset INTEGER NOT NULL,
    timeline_offset INTEGER NOT NULL, synchronised INTEGER NOT NULL`,
  readings: `seq INTEGER PRIMARY KEY, channel INTEGER NOT NULL, segment INTEGER NOT NULL, mono INTEGER NOT NULL,
    device_ms INTEGER, milli INTEGER NOT NULL, quality INTEGER NOT NULL`,
  events: 'seq INTEGER PRIMARY KEY, body TEXT NOT NULL',
  summaries: 'seq INTEGER PRIMARY KEY, body TEXT NOT NULL',
  receipt_groups: 'n INTEGER PRIMARY KEY, pairs BLOB NOT NULL',
  state: 'key TEXT PRIMARY KEY, value TEXT NOT NULL',
};
export type Table = keyof typeof COLUMNS;
const TABLES = Object.keys(COLUMNS) as Table[];
const WITHOUT_ROWID: readonly Table[] = ['meta', 'state'];
/** Small, and read whole at each start: a row of these that is damaged has the file salvaged. */
const SMALL = ['meta', 'channels', 'segments', 'receipt_groups', 'state'] as const;
export type SmallTable = (typeof SMALL)[number];

/** First and last seq of a stream; 0 and 0 when it never had a row. */
export interface Span {
  tail: number;
  head: number;
}
export type Spans = Readonly<Record<Stream, Span>>;

/** Damage that SQLite has not seen. */
export const damaged = (what: string) => Object.assign(new Error(what), { code: 'SQLITE_CORRUPT' });

/**
 * Errors that a damaged file brings; a card that is full, read-only or not readable at all is something else. (A
 * schema whose text has changed is an "error"; numbers that are taken: clash.ts.)
 */
export function isDamage(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code !== undefined && /^SQLITE_(CORRUPT|NOTADB|ERROR|MISMATCH|FORMAT|TOOBIG|RANGE)/.test(code);
}

/** Puts a row, with its sum, into a table, in place of one of the same key. */
export type Write = (table: Table, row: readonly Cell[]) => void;

export function writer(db: Database.Database): Write {
  const prepared = new Map<Table, Database.Statement>();
  return (table, row) => {
    const insert =
      prepared.get(table) ??
      db.prepare(
        `INSERT OR REPLACE INTO ${table} VALUES (${Array(row.length + 1)
          .fill('?')
          .join(', ')})`,
      );
    prepared.set(table, insert);
    insert.run(...row, sumOf(table, row));
  };
}

/** Makes the tables of a new file, under an epoch of its own or a given one; gives an older version's its sums. */
export function prepareTables(db: Database.Database, epoch = randomBytes(8).toString('hex')): void {
  const known = db.prepare("SELECT count(*) FROM sqlite_master WHERE type = 'table'").pluck().get() as number;
  if (known === 0) db.transaction(() => create(db, epoch)).immediate();
  else if (!columnsOf(db, 'readings').includes('sum')) db.transaction(() => addSums(db)).immediate();
}

function create(db: Database.Database, epoch: string): void {
  for (const table of TABLES) {
    const rowid = WITHOUT_ROWID.includes(table) ? ' WITHOUT ROWID' : '';
    db.exec(`CREATE TABLE ${table} (${COLUMNS[table]}, sum INTEGER)${rowid}`);
  }
  const write = writer(db);
  write('meta', ['epoch', epoch]);
  write('meta', ['summed_from', JSON.stringify({ readings: 1, events: 1, summaries: 1 })]);
  // Without its epoch a ring can be sent by nobody: it stands twice.
  write('state', ['epoch', JSON.stringify(epoch)]);
  writeEdges(write, { readings: NONE, events: NONE, summaries: NONE });
}
const NONE: Span = { tail: 0, head: 0 };

/** Rows that are there stay as they are, since there may be millions: sums begin behind them. */
function addSums(db: Database.Database): void {
  for (const table of TABLES) db.exec(`ALTER TABLE ${table} ADD COLUMN sum INTEGER`);
  const spans = spansOf(db);
  const write = writer(db);
  for (const table of SMALL) {
    for (const row of db.prepare<[], Cell[]>(`SELECT * FROM ${table}`).raw().all())
      write(table, row.slice(0, -1));
  }
  const from = (stream: Stream) => spans[stream].head + 1;
  const summedFrom = { readings: from('readings'), events: from('events'), summaries: from('summaries') };
  write('meta', ['summed_from', JSON.stringify(summedFrom)]);
  const epoch = db.prepare("SELECT value FROM meta WHERE key = 'epoch'").pluck().get() as string;
  write('state', ['epoch', JSON.stringify(epoch)]);
  writeEdges(write, spans);
}

const columnsOf = (db: Database.Database, table: Table) =>
  db.prepare(`SELECT name FROM pragma_table_info('${table}')`).pluck().all() as string[];

export const spansOf = (db: Database.Database): Spans => ({
  readings: spanOf(db, 'readings'),
  events: spanOf(db, 'events'),
  summaries: spanOf(db, 'summaries'),
});

/** All rows of a small table; throws when one of them is not as it was written. */
export function readSmall(db: Database.Database, table: SmallTable): Cell[][] {
  const rows = db.prepare<[], Cell[]>(`SELECT * FROM ${table}`).raw().all();
  for (const row of rows)
    if (!isWhole(table, row)) throw damaged(`a row of ${table} is not as it was written`);
  return rows.map((row) => row.slice(0, -1));
}

/** What must be read of `meta`. */
export function readMeta(db: Database.Database): { epoch: string; summedFrom: Record<Stream, number> } {
  const meta = new Map(readSmall(db, 'meta') as [string, string][]);
  const [epoch, from] = [meta.get('epoch'), meta.get('summed_from')];
  if (epoch === undefined || from === undefined) throw damaged('the ring does not say which it is');
  return { epoch, summedFrom: JSON.parse(from) as Record<Stream, number> };
}

/** One edge a query: together, min and max would read the whole table. */
export function spanOf(db: Database.Database, stream: Stream): Span {
  const edge = (which: 'min' | 'max') =>
    db.prepare(`SELECT coalesce(${which}(seq), 0) FROM ${stream}`).pluck().get() as number;
  return { tail: edge('min'), head: edge('max') };
}

/**
 * Which rows each stream has, as state, so that rows missing at an end are missed. It is not written in each commit,
 * which would take a page more of the card each time: rows may have come since, but none may have gone.
 */
const EDGES = 'edges';
const edge = z.object({ tail: z.int(), head: z.int() });
const edgesSchema = z.object({ readings: edge, events: edge, summaries: edge });

export const writeEdges = (write: Write, spans: Spans): void =>
  write('state', [EDGES, JSON.stringify(spans)]);

/** What is kept of the ends, out of all state; throws when it is gone. */
export function edgesIn(state: readonly (readonly Cell[])[]): Spans {
  const json = state.find(([key]) => key === EDGES)?.[1];
  if (json === undefined) throw damaged('nothing says which rows there are');
  return edgesSchema.parse(JSON.parse(String(json)));
}

/** Throws unless the streams begin where they should, and end there or later. */
export function checkEdges(db: Database.Database, state: readonly [string, string][]): Spans {
  const said = edgesIn(state);
  const found = spansOf(db);
  for (const stream of STREAMS) {
    const { tail, head } = found[stream];
    const should = said[stream];
    if (head < should.head || (should.head > 0 && tail !== should.tail)) {
      throw damaged(`${stream} are ${tail} to ${head} and should be ${should.tail} to ${should.head}`);
    }
  }
  return found;
}

/** A tree with a page in a wrong place gives rows that are whole, and not those that were asked for. */
export function inOrder<T extends readonly Cell[]>(rows: T[], from: number, to: number): T[] {
  let last = from - 1;
  for (const [seq] of rows) {
    if (typeof seq !== 'number' || seq <= last || seq > to)
      throw damaged(`rows ${from} to ${to} are out of order`);
    last = seq;
  }
  return rows;
}
