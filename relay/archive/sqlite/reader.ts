import type Database from 'better-sqlite3';
import type { FullSensorAggregate } from '../../../core/contract/streams.js';
import {
  type ArchivedReading,
  type Cursors,
  EPISODE_ENDED,
  EPISODE_SELECTED,
  type Episode,
  type HistoryQuery,
  type Kind,
} from '../port.js';
import { type Packed, unpack } from './flags.js';
import { merge } from './merge.js';

type Series = Pick<ArchivedReading, 'sensor' | 'quantity' | 'gateway' | 'unit'> & { id: number };

interface ReadingRow extends Packed {
  at: number;
  epoch: number;
  seq: number;
}

type AggregateRow = Omit<FullSensorAggregate, 'clinic' | 'sensor' | 'quantity' | 'unit'>;

/** Rows of a series read at once at least: fewer would be a statement for each. */
const AT_ONCE = 64;
/** Beyond every seq and every id. */
const END = Number.MAX_SAFE_INTEGER;

/**
 * Answers queries series by series, each by its key, merged: a clinic's page costs its own rows and no sorting,
 * however long the time that is asked for.
 */
export class Reader {
  readonly #db: Database.Database;
  readonly #readings;
  readonly #aggregates;
  readonly #epoch;
  readonly #epochId;

  constructor(db: Database.Database) {
    this.#db = db;
    this.#readings = db.prepare<unknown[], ReadingRow>(
      `SELECT at, epoch, seq, value, flags FROM readings WHERE series = ? AND (at, epoch, seq) > (?, ?, ?) AND at < ?
       ORDER BY at, epoch, seq LIMIT ?`,
    );
    this.#aggregates = db.prepare<unknown[], AggregateRow>(
      `SELECT since, count, min, max, mean, low, high, seconds_covered, seconds_outside FROM aggregates
       WHERE series = ? AND since >= ? AND since < ? ORDER BY since LIMIT ?`,
    );
    this.#epoch = db.prepare<[number], string>('SELECT epoch FROM epochs WHERE id = ?').pluck();
    this.#epochId = db.prepare<[string], number>('SELECT id FROM epochs WHERE epoch = ?').pluck();
  }

  /** At most `limit` rows and one more, by which it is known that there are more. */
  rows(kind: Kind, query: HistoryQuery): unknown[] {
    if (kind === 'readings') return this.#readingsOf(query as HistoryQuery<'readings'>);
    if (kind === 'aggregates') return this.#aggregatesOf(query as HistoryQuery<'aggregates'>);
    return this.#episodesOf(query as HistoryQuery<'episodes'>);
  }

  #readingsOf(query: HistoryQuery<'readings'>): ArchivedReading[] {
    const { clinic, after, fromMs, toMs, limit } = query;
    const series = this.#seriesOf(query).filter(({ gateway }) => gateway !== '');
    const chunk = chunkOf(limit, series.length);
    const self = this;
    function* rowsOf(one: Series) {
      let from = startOf(one, fromMs, after, after ? (self.#epochId.get(after[5]) ?? 0) : 0);
      for (;;) {
        const rows = self.#readings.all(one.id, ...from, toMs, chunk);
        for (const row of rows) yield { one, row };
        const last = rows.at(-1);
        if (!last || rows.length < chunk) return;
        from = [last.at, last.epoch, last.seq];
      }
    }
    const epochs = new Map<number, string>();
    const epochOf = (id: number) => {
      const epoch = epochs.get(id) ?? this.#epoch.get(id)!;
      epochs.set(id, epoch);
      return epoch;
    };
    const merged = merge(series.map(rowsOf), ({ row }) => row.at);
    return first(merged, limit + 1).map(({ one, row }) => {
      const { sensor, quantity, gateway, unit } = one;
      const { value, quality, time_quality } = unpack(row);
      const { at: measured_at, seq } = row;
      const epoch = epochOf(row.epoch);
      return {
        clinic,
        gateway,
        sensor,
        quantity,
        value,
        unit,
        measured_at,
        quality,
        time_quality,
        epoch,
        seq,
      };
    });
  }

  #aggregatesOf(query: HistoryQuery<'aggregates'>): FullSensorAggregate[] {
    const { clinic, after, fromMs, toMs, limit } = query;
    const series = this.#seriesOf(query).filter(({ gateway }) => gateway === '');
    const chunk = chunkOf(limit, series.length);
    const self = this;
    function* rowsOf(one: Series) {
      let from = fromMs;
      if (after) from = Math.max(fromMs, isAfter(one, after) ? after[0] : after[0] + 1);
      for (;;) {
        const rows = self.#aggregates.all(one.id, from, toMs, chunk);
        for (const row of rows) yield { one, row };
        const last = rows.at(-1);
        if (!last || rows.length < chunk) return;
        from = last.since + 1;
      }
    }
    const merged = merge(series.map(rowsOf), ({ row }) => row.since);
    return first(merged, limit + 1).map(({ one, row }) => {
      const { sensor, quantity, unit } = one;
      return { clinic, sensor, quantity, unit, ...row };
    });
  }

  #episodesOf({ clinic, sensor, after, fromMs, toMs, limit }: HistoryQuery<'episodes'>): Episode[] {
    const conditions = [
      'clinic = @clinic',
      'since < @toMs',
      `coalesce(${EPISODE_ENDED}, @fromMs) >= @fromMs`,
    ];
    if (sensor !== undefined) conditions.push('sensor = @sensor');
    if (after) conditions.push('(since, episode_id) > (@since, @id)');
    return this.#db
      .prepare<[object], Episode>(
        `SELECT ${EPISODE_SELECTED} FROM episodes WHERE ${conditions.join(' AND ')}
         ORDER BY since, episode_id LIMIT @limit`,
      )
      .all({ clinic, sensor, toMs, fromMs, since: after?.[0], id: after?.[1], limit: limit + 1 });
  }

  /** In the order in which rows of one time stand. */
  #seriesOf({ clinic, sensor, quantity }: HistoryQuery): Series[] {
    const ofSensor = sensor === undefined ? '' : 'AND sensor = @sensor';
    const ofQuantity = quantity === undefined ? '' : 'AND quantity = @quantity';
    return this.#db
      .prepare<[object], Series>(
        `SELECT id, sensor, quantity, gateway, unit FROM series WHERE clinic = @clinic ${ofSensor} ${ofQuantity}
         ORDER BY sensor, quantity, gateway, unit`,
      )
      .all({ clinic, sensor, quantity });
  }
}

const chunkOf = (limit: number, series: number) =>
  Math.min(limit + 1, Math.max(AT_ONCE, Math.ceil((2 * limit) / Math.max(1, series))));

/** Whether a row of one time comes after that of the cursor. */
const isAfter = ({ sensor, quantity }: Series, [, last, lastQuantity]: Cursors['aggregates']) =>
  sensor === last ? quantity > lastQuantity : sensor > last;

/** After the row that a cursor names, or at the beginning of the time asked for. */
function startOf(
  { sensor, quantity, gateway, unit }: Series,
  fromMs: number,
  after: Cursors['readings'] | undefined,
  epochId: number,
): [number, number, number] {
  if (!after || after[0] < fromMs) return [fromMs, -1, -1];
  const [at, ...name] = after;
  const mine = [sensor, quantity, gateway, unit];
  const differs = mine.findIndex((part, i) => part !== name[i]);
  if (differs === -1) return [at, epochId, after[6]];
  return mine[differs]! < String(name[differs]) ? [at, END, END] : [at, -1, -1];
}

function first<T>(rows: Iterator<T>, count: number): T[] {
  const found: T[] = [];
  while (found.length < count) {
    const next = rows.next();
    if (next.done) break;
    found.push(next.value);
  }
  return found;
}
