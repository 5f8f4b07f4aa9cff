import pg from 'pg';
import { STREAM_TOPICS } from '../../core/contract/streams.js';
import { ColdwatchError, messageOf } from '../../core/errors.js';
import type { Position } from '../log/port.js';
import { pageOfTexts } from './page.js';
import {
  AGGREGATE_CHANGES,
  AGGREGATE_COLUMNS,
  type Archive,
  type ArchiveRows,
  Emptied,
  EPISODE_CHANGES,
  EPISODE_COLUMNS,
  EPISODE_ENDED,
  EPISODE_SELECTED,
  episodeOf,
  type HistoryQuery,
  type Kind,
  type Page,
  READING_COLUMNS,
  type Reached,
} from './port.js';

/** Tables of before had aggregates of temperatures alone; what the log still has of the others is read once more. */
const QUANTITIES_ADDED = `
  DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'aggregates'::regclass AND attname = 'quantity') THEN
      ALTER TABLE aggregates
        ADD COLUMN quantity text NOT NULL DEFAULT 'temperature', ADD COLUMN unit text NOT NULL DEFAULT 'Cel',
        ADD COLUMN low double precision, ADD COLUMN high double precision, ADD COLUMN seconds_covered double precision,
        DROP CONSTRAINT aggregates_pkey, ADD PRIMARY KEY (clinic, sensor, quantity, since);
      DELETE FROM positions WHERE topic = '${STREAM_TOPICS.sensor5m}';
    END IF;
  END $$;
`;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS readings (
    clinic text NOT NULL, gateway text NOT NULL, sensor text NOT NULL, quantity text NOT NULL,
    value double precision NOT NULL, unit text NOT NULL, measured_at bigint NOT NULL, quality text NOT NULL,
    time_quality text NOT NULL, epoch text NOT NULL, seq bigint NOT NULL,
    PRIMARY KEY (gateway, epoch, seq, measured_at)) PARTITION BY RANGE (measured_at);
  CREATE INDEX IF NOT EXISTS readings_by_time ON readings (clinic, sensor, measured_at);
  CREATE INDEX IF NOT EXISTS readings_by_clinic ON readings (clinic, measured_at);
  CREATE TABLE IF NOT EXISTS aggregates (
    clinic text NOT NULL, sensor text NOT NULL, quantity text NOT NULL, unit text NOT NULL, since bigint NOT NULL,
    count bigint NOT NULL, min double precision NOT NULL, max double precision NOT NULL, mean double precision NOT NULL,
    low double precision, high double precision, seconds_covered double precision,
    seconds_outside double precision NOT NULL, PRIMARY KEY (clinic, sensor, quantity, since));
  ALTER TABLE aggregates ADD COLUMN IF NOT EXISTS said bigint NOT NULL DEFAULT 0;
  CREATE INDEX IF NOT EXISTS aggregates_by_clinic ON aggregates (clinic, since);
  CREATE TABLE IF NOT EXISTS episodes (
    episode_id text PRIMARY KEY, clinic text NOT NULL, gateway text NOT NULL, sensor text NOT NULL,
    alert_type text NOT NULL, severity text NOT NULL, rule text NOT NULL, since bigint NOT NULL, raised_at bigint,
    acknowledged_at bigint, acknowledged_by text, comment text, cleared_at bigint, summary text NOT NULL,
    worst double precision, seconds_outside double precision, degree_minutes double precision, mkt double precision);
  ALTER TABLE episodes ADD COLUMN IF NOT EXISTS last_raised bigint;
  CREATE INDEX IF NOT EXISTS episodes_by_time ON episodes (clinic, since);
  CREATE TABLE IF NOT EXISTS positions (
    topic text NOT NULL, part integer NOT NULL, "offset" text NOT NULL, arrived bigint NOT NULL,
    PRIMARY KEY (topic, part));
  CREATE TABLE IF NOT EXISTS state (name text PRIMARY KEY, value bigint NOT NULL);
  INSERT INTO state (name, value) VALUES ('generation', 0) ON CONFLICT DO NOTHING;
  ${QUANTITIES_ADDED}
  CREATE INDEX IF NOT EXISTS aggregates_by_sensor ON aggregates (clinic, sensor, since);
`;

const TYPES: Record<string, string> = {
  value: 'float8',
  min: 'float8',
  max: 'float8',
  mean: 'float8',
  low: 'float8',
  high: 'float8',
  seconds_covered: 'float8',
  seconds_outside: 'float8',
  measured_at: 'int8',
  seq: 'int8',
  since: 'int8',
  said: 'int8',
  count: 'int8',
};

/** int8 as numbers: times in ms and seqs are far below 2^53. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8
      ? Number
      : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

/** Two programs that make the same table at once: one of them waits. */
const SCHEMA_LOCK = 4_170_233_417;

/** The archive of a cluster: readings partitioned by month, so that old months go at once. */
export class PostgresArchive implements Archive {
  readonly #pool: pg.Pool;
  readonly #months = new Set<string>();

  private constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /** `onError`: connections that break while nobody uses them. */
  static async open(connectionString: string, onError: (error: Error) => void): Promise<PostgresArchive> {
    const pool = new pg.Pool({ connectionString, max: 4, types, connectionTimeoutMillis: 10_000 });
    pool.on('error', onError);
    const archive = new PostgresArchive(pool);
    await archive.#transaction(async (client) => {
      await client.query('SELECT pg_advisory_xact_lock($1)', [SCHEMA_LOCK]);
      await client.query(SCHEMA);
    });
    return archive;
  }

  async #transaction(work: (client: pg.PoolClient) => Promise<void>): Promise<void> {
    const client = await this.#pool.connect();
    try {
      await client.query('BEGIN');
      await work(client);
      await client.query('COMMIT');
      client.release();
    } catch (error) {
      // A connection that failed within a transaction is not worth mending.
      client.release(true);
      throw error;
    }
  }

  async store({ readings, aggregates, alerts, positions }: ArchiveRows, generation: number): Promise<void> {
    for (const month of new Set(readings.map((r) => monthOf(r.measured_at)))) await this.#ensureMonth(month);
    await this.#transaction(async (client) => {
      // Held to the end of the transaction: who empties the archive waits.
      if ((await generationOf(client, 'FOR SHARE')) !== generation) throw new Emptied();
      if (readings.length > 0) {
        const rows = unnest('readings', READING_COLUMNS);
        await client.query(`${rows} ON CONFLICT DO NOTHING`, columnsOf(readings, READING_COLUMNS));
      }
      if (aggregates.length > 0) {
        // One statement may touch a row once: the last one of a key counts.
        const last = [
          ...new Map(aggregates.map((a) => [`${a.clinic}/${a.sensor}/${a.quantity}/${a.since}`, a])).values(),
        ];
        const columns = [...AGGREGATE_COLUMNS, 'said'] as const;
        const set = AGGREGATE_CHANGES.map((c) => `${c} = excluded.${c}`);
        // Two relays may fill one archive: what is said later counts, also where it is put away earlier.
        await client.query(
          `${unnest('aggregates', columns)} ON CONFLICT (clinic, sensor, quantity, since) DO UPDATE SET ${set.join(', ')}
           WHERE excluded.said >= aggregates.said`,
          columnsOf(last, columns),
        );
      }
      for (const alert of alerts) {
        const episode = episodeOf(alert);
        const values = EPISODE_COLUMNS.map((_, i) => `$${i + 1}`);
        await client.query(
          `INSERT INTO episodes (${EPISODE_COLUMNS.join(', ')}, last_raised)
           VALUES (${values.join(', ')}, $${values.length + 1})
           ON CONFLICT (episode_id) DO UPDATE SET ${EPISODE_CHANGES}`,
          [...EPISODE_COLUMNS.map((c) => episode[c]), episode.raised_at],
        );
      }
      for (const { topic, partition, offset, arrivedMs } of positions) {
        await client.query(
          `INSERT INTO positions (topic, part, "offset", arrived) VALUES ($1, $2, $3, $4)
           ON CONFLICT (topic, part) DO UPDATE SET "offset" = excluded."offset", arrived = excluded.arrived`,
          [topic, partition, offset, arrivedMs],
        );
      }
    });
  }

  async #ensureMonth(month: string): Promise<void> {
    if (this.#months.has(month)) return;
    const [from, to] = spanOf(month);
    await this.#transaction(async (client) => {
      await client.query('SELECT pg_advisory_xact_lock($1)', [SCHEMA_LOCK]);
      await client.query(
        `CREATE TABLE IF NOT EXISTS readings_${month} PARTITION OF readings FOR VALUES FROM (${from}) TO (${to})`,
      );
    });
    this.#months.add(month);
  }

  async reached(): Promise<Reached> {
    const generation = await generationOf(this.#pool, '');
    const { rows } = await this.#pool.query<Position>(
      'SELECT topic, part AS partition, "offset", arrived AS "arrivedMs" FROM positions ORDER BY topic, part',
    );
    return { generation, positions: rows };
  }

  async page<K extends Kind>(kind: K, query: HistoryQuery<K>): Promise<Page> {
    const { text, values } = selectOf(kind, query);
    let rows: { json: string }[] = [];
    try {
      await this.#transaction(async (client) => {
        await client.query(ORDERED);
        ({ rows } = await client.query<{ json: string }>(text, values));
      });
    } catch (error) {
      const message = `PostgreSQL: ${messageOf(error)}`;
      throw new ColdwatchError('archive.unavailable', message, { retry: true, cause: error });
    }
    const texts = rows.slice(0, query.limit).map(({ json }) => json);
    return pageOfTexts(kind, texts, rows.length > query.limit);
  }

  async tidy(readingsBeforeMs: number, aggregatesBeforeMs: number): Promise<void> {
    const { rows } = await this.#pool.query<{ name: string }>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'readings'::regclass`,
    );
    for (const { name } of rows) {
      const month = /readings_(\d{4}_\d{2})$/.exec(name)?.[1];
      // A month goes as a whole, once all of it is old.
      if (month === undefined || spanOf(month)[1] > readingsBeforeMs) continue;
      await this.#pool.query(`DROP TABLE ${name}`);
      this.#months.delete(month);
    }
    await this.#pool.query('DELETE FROM aggregates WHERE since < $1', [aggregatesBeforeMs]);
  }

  async clear(): Promise<void> {
    await this.#transaction(async (client) => {
      await client.query(`UPDATE state SET value = value + 1 WHERE name = 'generation'`);
      await client.query('TRUNCATE readings, aggregates, episodes, positions');
    });
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}

/**
 * What came last is in no statistics yet: PostgreSQL then takes a month for a few rows, and sorts all of it for a page.
 * Each question has an index in its order; this has it used.
 */
const ORDERED = 'SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off';

/** In the order of cursors. Names are compared as bytes, as SQLite does. */
const ORDERS = {
  readings: ['measured_at', 'sensor', 'quantity', 'gateway', 'unit', 'epoch', 'seq'],
  aggregates: ['since', 'sensor', 'quantity'],
  episodes: ['since', 'episode_id'],
} as const satisfies Record<Kind, readonly string[]>;
const SELECTED: Record<Kind, string> = {
  readings: READING_COLUMNS.join(', '),
  aggregates: AGGREGATE_COLUMNS.join(', '),
  episodes: EPISODE_SELECTED,
};

/** Only conditions that apply are in the statement, so that its plan is by the index that fits them. */
function selectOf(kind: Kind, { clinic, sensor, quantity, fromMs, toMs, after, limit }: HistoryQuery) {
  const values: unknown[] = [];
  const param = (value: unknown) => `$${values.push(value)}`;
  const order = ORDERS[kind].map((c) => (TYPES[c] === undefined ? `${c} COLLATE "C"` : c));
  const time = order[0]!;
  const conditions = [`clinic = ${param(clinic)}`, `${time} < ${param(toMs)}`];
  if (sensor !== undefined) conditions.push(`sensor = ${param(sensor)}`);
  if (quantity !== undefined) conditions.push(`quantity = ${param(quantity)}`);
  const from = param(fromMs);
  conditions.push(
    kind === 'episodes' ? `coalesce(${EPISODE_ENDED}, ${from}) >= ${from}` : `${time} >= ${from}`,
  );
  if (after) {
    // The time alone as well: by that the index is entered.
    conditions.push(`${time} >= ${param(after[0])}`);
    conditions.push(`(${order.join(', ')}) > (${after.map(param).join(', ')})`);
  }
  const text = `SELECT row_to_json(r)::text AS json FROM (SELECT ${SELECTED[kind]} FROM ${kind}
    WHERE ${conditions.join(' AND ')} ORDER BY ${order.join(', ')} LIMIT ${param(limit + 1)}) r`;
  return { text, values };
}

async function generationOf(client: Pick<pg.Pool, 'query'>, lock: '' | 'FOR SHARE'): Promise<number> {
  const { rows } = await client.query<{ value: number }>(
    `SELECT value FROM state WHERE name = 'generation' ${lock}`,
  );
  return rows[0]?.value ?? 0;
}

/** `2026_11`, in UTC. */
function monthOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 7).replace('-', '_');
}

function spanOf(month: string): [number, number] {
  const [year, number] = month.split('_').map(Number) as [number, number];
  return [Date.UTC(year, number - 1, 1), Date.UTC(year, number, 1)];
}

/** Many rows with one parameter a column. */
function unnest(table: string, columns: readonly string[]): string {
  const lists = columns.map((c, i) => `$${i + 1}::${TYPES[c] ?? 'text'}[]`);
  return `INSERT INTO ${table} (${columns.join(', ')}) SELECT * FROM unnest(${lists.join(', ')})`;
}

const columnsOf = <T>(rows: readonly T[], columns: readonly (keyof T)[]) =>
  columns.map((column) => rows.map((row) => row[column]));
