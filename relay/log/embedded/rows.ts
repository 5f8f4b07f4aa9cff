import type Database from 'better-sqlite3';
import {
  BEHIND_MAX,
  type Behind,
  type From,
  type Hole,
  type LogTopic,
  type Position,
  type StoredRecord,
} from '../port.js';

/** Delivered at once: history must not hold up gateways. */
const ROWS_MAX = 1000;

interface Row {
  offset: number;
  topic: LogTopic;
  key: string;
  value: string;
  headers: string;
  timestamp: number;
  appended: number;
}

const stored = ({ appended, ...row }: Row): StoredRecord => ({
  ...row,
  partition: 0,
  offset: String(row.offset),
  headers: JSON.parse(row.headers) as Record<string, string>,
  arrivedMs: appended,
});

/** The records of some topics in the order of their arrival, from a place of its own in each topic. */
export class Rows {
  readonly #topics: readonly LogTopic[];
  readonly #next: Map<LogTopic, number>;
  readonly #select;
  readonly #unread;
  readonly #first;

  /** Positions that the log does not have (any more) are told to `onHole`. */
  constructor(
    db: Database.Database,
    topics: readonly LogTopic[],
    from: From,
    onHole: (hole: Hole) => void = () => {},
  ) {
    this.#topics = topics;
    // Each topic by the index, merged: a rare topic is found without reading all the others.
    const each = `SELECT offset, topic, key, value, headers, timestamp, appended FROM records
      WHERE topic = ? AND offset >= ? AND offset <= ?`;
    this.#select = db.prepare<unknown[], Row>(
      `${topics.map(() => each).join(' UNION ALL ')} ORDER BY offset LIMIT ?`,
    );
    const after = 'FROM records WHERE topic = ? AND offset >= ?';
    this.#unread = db
      .prepare<[LogTopic, number, number], number>(`SELECT count(*) FROM (SELECT 1 ${after} LIMIT ?)`)
      .pluck();
    this.#first = db
      .prepare<[LogTopic, number], number>(`SELECT appended ${after} ORDER BY offset LIMIT 1`)
      .pluck();
    this.#next = startsOf(db, topics, from, onHole);
  }

  /** Up to that offset; each record once. */
  next(end = Number.MAX_SAFE_INTEGER): StoredRecord[] {
    const bounds = this.#topics.flatMap((topic) => [topic, this.#next.get(topic)!, end]);
    const rows = this.#select.all(...bounds, ROWS_MAX);
    for (const { topic, offset } of rows) this.#next.set(topic, offset + 1);
    return rows.map(stored);
  }

  behind(): Behind {
    const all = this.#topics.map((topic) => [topic, this.#next.get(topic)!] as const);
    const records = all.reduce((sum, [topic, next]) => sum + this.#unread.get(topic, next, BEHIND_MAX)!, 0);
    const since = all.map(([topic, next]) => this.#first.get(topic, next)).filter((ms) => ms !== undefined);
    return {
      records: Math.min(records, BEHIND_MAX),
      sinceMs: since.length > 0 ? Math.min(...since) : null,
    };
  }
}

function startsOf(
  db: Database.Database,
  topics: readonly LogTopic[],
  from: From,
  onHole: (hole: Hole) => void,
): Map<LogTopic, number> {
  if (typeof from === 'number') {
    const at = startAt(db, from);
    return new Map(topics.map((topic) => [topic, at]));
  }
  const positions = new Map(from.map((position) => [position.topic, position]));
  return new Map(
    topics.map((topic) => {
      const position = positions.get(topic);
      if (!position) return [topic, 0];
      const next = Number(position.offset);
      const why = isAnew(db, position) ? 'anew' : lastDropped(db, topic) >= next ? 'gone' : undefined;
      if (why === undefined) return [topic, next];
      const found = why === 'anew' ? 1 : lastDropped(db, topic) + 1;
      onHole({ topic, partition: 0, why, wanted: position.offset, found: String(found) });
      return [topic, found];
    }),
  );
}

/** The first offset of what arrived since then, or the one after all there is. */
function startAt(db: Database.Database, sinceMs: number): number {
  const since = `SELECT min(offset) FROM records WHERE appended >= ?`;
  const end = 'SELECT coalesce(max(offset), 0) + 1 FROM records';
  return db.prepare(`SELECT coalesce((${since}), (${end}))`).pluck().get(sinceMs) as number;
}

/** Another file than the one that was read: it never gave that offset, or gave it to another record. */
function isAnew(db: Database.Database, { topic, offset, arrivedMs }: Position): boolean {
  const before = Number(offset) - 1;
  const given = db.prepare(`SELECT seq FROM sqlite_sequence WHERE name = 'records'`).pluck().get() ?? 0;
  if (before > (given as number)) return true;
  const row = db.prepare<[number], Row>('SELECT topic, appended FROM records WHERE offset = ?').get(before);
  return row !== undefined && (row.topic !== topic || row.appended !== arrivedMs);
}

function lastDropped(db: Database.Database, topic: LogTopic): number {
  const last = db.prepare('SELECT offset FROM dropped WHERE topic = ?').pluck().get(topic);
  return (last as number | undefined) ?? 0;
}
