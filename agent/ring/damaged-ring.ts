import Database from 'better-sqlite3';
import { addRange, type Range, type RangeSet } from '../../core/contract/ranges.js';
import type { Stream } from '../../core/stream.js';
import { type Segment, SegmentTimes } from './segments.js';
import { type LastKnown, RECEIPT_BYTES } from './store.js';
import { type Cell, isWhole } from './sums.js';
import { edgesIn, readMeta, type SmallTable, type Spans, type Table } from './tables.js';

/** A row takes more of the file than this. */
const ROW_BYTES_MIN = 12;
const PAGE_BYTES = 4096;
/** How far behind the end a last reading is looked for. */
const LAST_ROWS = 500;
/** Rows read at a time. */
const WINDOW = 500;

/** SQLite reads no page of a file that has fewer than it says, unless its schema might be what is being mended. */
function openAnyway(file: string): Database.Database {
  const db = new Database(file, { fileMustExist: true });
  db.unsafeMode(true);
  db.pragma('writable_schema = ON');
  return db;
}

/** A damaged file: everything that can still be read, and nothing that is not as it was written. */
export class DamagedRing {
  readonly #db: Database.Database | undefined;
  /** Rows from these on have sums; undefined: the file is of a version that knew none. */
  readonly #summedFrom: Readonly<Record<Stream, number>> | undefined;
  readonly epoch: string | undefined;
  /** What the file says of its own ends, if that can be read. */
  readonly edges: Spans | undefined;
  readonly #bytes: number;

  constructor(file: string) {
    this.#db = attempt(() => openAnyway(file));
    this.#bytes = this.#ask<number>('SELECT page_count FROM pragma_page_count', 0) * PAGE_BYTES;
    const columns = this.#ask<number>(
      "SELECT count(*) FROM pragma_table_info('readings') WHERE name = 'sum'",
      1,
    );
    const meta = this.#db && attempt(() => readMeta(this.#db!));
    const all = { readings: 1, events: 1, summaries: 1 };
    this.#summedFrom = columns === 0 ? undefined : (meta?.summedFrom ?? all);
    this.epoch = meta?.epoch ?? this.#epochElsewhere();
    this.edges = attempt(() => edgesIn(this.rows('state')));
  }

  #ask<T>(sql: string, otherwise: T): T {
    return attempt(() => this.#db?.prepare(sql).pluck().get() as T) ?? otherwise;
  }

  #epochElsewhere(): string | undefined {
    const found =
      this.#summedFrom === undefined
        ? this.rows('meta').find(([key]) => key === 'epoch')?.[1]
        : JSON.parse(String(this.state('epoch') ?? 'null'));
    return typeof found === 'string' && /^[0-9a-f]{16}$/.test(found) ? found : undefined;
  }

  state(key: string): string | undefined {
    return this.rows('state').find(([name]) => name === key)?.[1] as string | undefined;
  }

  /** Rows of a small table: from its beginning to what cannot be read, and from its end back to there. */
  rows(table: SmallTable): Cell[][] {
    const found = new Map<Cell, Cell[]>();
    for (const order of ['ASC', 'DESC']) {
      attempt(() => {
        const rows = this.#db?.prepare<[], Cell[]>(`SELECT * FROM ${table} ORDER BY 1 ${order}`).raw();
        for (const row of rows?.iterate() ?? []) {
          const whole = this.#summed(table, row);
          if (whole && PLAUSIBLE[table](whole)) found.set(whole[0]!, whole);
        }
      });
    }
    return [...found.values()];
  }

  /** The row without its sum; undefined when it is not as it was written. */
  #summed(table: Table, row: Cell[]): Cell[] | undefined {
    if (this.#summedFrom === undefined) return row;
    const without = row.slice(0, -1);
    const from = (this.#summedFrom as Readonly<Record<string, number>>)[table] ?? 0;
    const older = row.at(-1) === null && typeof row[0] === 'number' && row[0] < from;
    return older || isWhole(table, row) ? without : undefined;
  }

  /** Where rows of a stream may be; an end that is unknown is undefined. */
  span(stream: Stream): { low: number | undefined; high: number | undefined } {
    const said = this.edges?.[stream];
    const edge = (order: 'ASC' | 'DESC') =>
      this.#ask<number | undefined>(`SELECT seq FROM ${stream} ORDER BY seq ${order} LIMIT 1`, undefined);
    if (said && said.head > 0) return { low: said.tail, high: Math.max(said.head, this.lastSeen(stream)) };
    return { low: edge('ASC'), high: edge('DESC') };
  }

  /** Whether there may have been rows behind those that anything speaks of. */
  isOpenEnded(stream: Stream): boolean {
    const seen = this.lastSeen(stream);
    return this.edges ? seen < this.edges[stream].head : seen === 0;
  }

  /** No file of this size holds more rows than this. */
  get rowsMax(): number {
    return Math.ceil(this.#bytes / ROW_BYTES_MIN);
  }

  /** The highest number that anything in the file speaks of. */
  lastSeen(stream: Stream): number {
    return this.#ask<number | null>(`SELECT max(seq) FROM ${stream}`, null) ?? 0;
  }

  /** Gives every row of a range that can be read, in order; halves what cannot, down to the bad rows alone. */
  copy(stream: Stream, [from, to]: Range, put: (row: Cell[]) => void): RangeSet {
    if (!this.#db) return [];
    const db = this.#db;
    const select = attempt(() =>
      db
        .prepare<[number, number], Cell[]>(`SELECT * FROM ${stream} WHERE seq BETWEEN ? AND ? ORDER BY seq`)
        .raw(),
    );
    if (!select) return [];
    let got: RangeSet = [];
    const window = (low: number, high: number): void => {
      const rows = attempt(() => select.all(low, high));
      if (!rows && low < high) {
        const middle = Math.floor((low + high) / 2);
        window(low, middle);
        window(middle + 1, high);
      }
      for (const row of rows ?? []) {
        const whole = this.#summed(stream, row);
        const seq = row[0] as number;
        if (!whole || !(seq >= low && seq <= high) || seq <= (got.at(-1)?.[1] ?? 0)) continue;
        // What cannot be written is no damage of this file: it ends the copy.
        put(whole);
        got = addRange(got, [seq, seq]);
      }
    };
    for (let low = from; low <= to; low += WINDOW) window(low, Math.min(to, low + WINDOW - 1));
    return got;
  }

  /** What was measured last, so that the time since then can be named, and the timeline goes on. */
  last(): LastKnown | undefined {
    const head = Math.max(this.edges?.readings.head ?? 0, this.lastSeen('readings'));
    let last: Cell[] | undefined;
    const take = (row: Cell[]) => {
      last = row;
    };
    if (head > 0) this.copy('readings', [Math.max(1, head - LAST_ROWS), head], take);
    const segments = (this.rows('segments') as [number, string, number, number, number][]).map(
      ([id, boot, wallOffset, timelineOffset, synchronised]): Segment => {
        return { id, boot, wallOffset, timelineOffset, synchronised: synchronised === 1 };
      },
    );
    const segment = segments.find(({ id }) => id === last?.[2]);
    if (!last || !segment) return undefined;
    const mono = last[3] as number;
    const { offset } = new SegmentTimes(segments).of(segment.id)!;
    return { timeline: mono + segment.timelineOffset, measuredAt: mono + offset, boot: segment.boot };
  }

  close(): void {
    attempt(() => this.#db?.close());
  }
}

const isPair = ([key, value]: Cell[]) => typeof key === 'string' && typeof value === 'string';
const isJson = (text: unknown) => attempt(() => JSON.parse(text as string) as unknown) !== undefined;
/** What a row must be to be taken over: one of a file without sums may be anything. */
const PLAUSIBLE: Record<SmallTable, (row: Cell[]) => boolean> = {
  meta: isPair,
  state: (row) => isPair(row) && isJson(row[1]),
  channels: ([id, sensor, quantity]) => Number.isInteger(id) && isPair([sensor!, quantity!]),
  segments: ([id, boot, ...numbers]) =>
    Number.isInteger(id) && typeof boot === 'string' && numbers.every(Number.isInteger),
  receipt_groups: ([n, pairs]) =>
    Number.isInteger(n) && Buffer.isBuffer(pairs) && pairs.length % RECEIPT_BYTES === 0,
};

/** Undefined when it cannot be read. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
