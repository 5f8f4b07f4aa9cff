import pg from 'pg';
import type { SensorAggregate } from '../../core/contract/streams.js';
import type { Position } from '../log/port.js';
import {
  AGGREGATE_COLUMNS,
  type Archive,
  type ArchivedReading,
  type ArchiveRows,
  Emptied,
  EPISODE_COLUMNS,
  EPISODE_LATER,
  type Episode,
  episodeOf,
  type HistoryQuery,
  READING_COLUMNS,
  type Reached,
} from './port.js';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS readings (
    clinic text NOT NULL, gateway text NOT NULL, sensor text NOT NULL, quantity text NOT NULL,
    value double precision NOT NULL, unit text NOT NULL, measured_at bigint NOT NULL, quality text NOT NULL,
    time_quality text NOT NULL, epoch text NOT NULL, seq bigint NOT NULL,
    PRIMARY KEY (gateway, epoch, seq, measured_at)) PARTITION BY RANGE (measured_at);
  CREATE INDEX IF NOT EXISTS readings_by_time ON readings (clinic, sensor, measured_at);
  CREATE TABLE IF NOT EXISTS aggregates (
    clinic text NOT NULL, sensor text NOT NULL, since bigint NOT NULL, count bigint NOT NULL,
    min double precision NOT NULL, max double precision NOT NULL, mean double precision NOT NULL,
    seconds_outside double precision NOT NULL, PRIMARY KEY (clinic, sensor, since));
  CREATE TABLE IF NOT EXISTS episodes (
    episode_id text PRIMARY KEY, clinic text NOT NULL, gateway text NOT NULL, sensor text NOT NULL,
    alert_type text NOT NULL, severity text NOT NULL, rule text NOT NULL, since bigint NOT NULL, raised_at bigint,
    acknowledged_at bigint, acknowledged_by text, comment text, cleared_at bigint, summary text NOT NULL,
    worst double precision, seconds_outside double precision, degree_minutes double precision, mkt double precision);
  CREATE INDEX IF NOT EXISTS episodes_by_time ON episodes (clinic, since);
  CREATE TABLE IF NOT EXISTS positions (
    topic text NOT NULL, part integer NOT NULL, "offset" text NOT NULL, arrived bigint NOT NULL,
    PRIMARY KEY (topic, part));
  CREATE TABLE IF NOT EXISTS state (name text PRIMARY KEY, value bigint NOT NULL);
  INSERT INTO state (name, value) VALUES ('generation', 0) ON CONFLICT DO NOTHING;
`;

const TYPES: Record<string, string> = {
  value: 'float8',
  min: 'float8',
  max: 'float8',
  mean: 'float8',
  seconds_outside: 'float8',
  measured_at: 'int8',
  seq: 'int8',
  since: 'int8',
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
        const last = [...new Map(aggregates.map((a) => [`${a.clinic}/${a.sensor}/${a.since}`, a])).values()];
        const set = AGGREGATE_COLUMNS.slice(3).map((c) => `${c} = excluded.${c}`);
        const rows = unnest('aggregates', AGGREGATE_COLUMNS);
        const upsert = `${rows} ON CONFLICT (clinic, sensor, since) DO UPDATE SET ${set.join(', ')}`;
        await client.query(upsert, columnsOf(last, AGGREGATE_COLUMNS));
      }
      for (const alert of alerts) {
        const episode = episodeOf(alert);
        const later = EPISODE_LATER.map((c) => `${c} = coalesce(excluded.${c}, episodes.${c})`);
        const values = EPISODE_COLUMNS.map((_, i) => `$${i + 1}`);
        await client.query(
          `INSERT INTO episodes (${EPISODE_COLUMNS.join(', ')}) VALUES (${values.join(', ')})
           ON CONFLICT (episode_id) DO UPDATE SET ${later.join(', ')}`,
          EPISODE_COLUMNS.map((c) => episode[c]),
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

  async readings(query: HistoryQuery): Promise<ArchivedReading[]> {
    return this.#select<ArchivedReading>('readings', READING_COLUMNS, 'measured_at', query);
  }

  async aggregates(query: HistoryQuery): Promise<SensorAggregate[]> {
    return this.#select<SensorAggregate>('aggregates', AGGREGATE_COLUMNS, 'since', query);
  }

  async #select<T extends pg.QueryResultRow>(
    table: string,
    columns: readonly string[],
    time: string,
    { clinic, sensor, fromMs, toMs, limit }: HistoryQuery,
  ): Promise<T[]> {
    const { rows } = await this.#pool.query<T>(
      `SELECT ${columns.join(', ')} FROM ${table} WHERE clinic = $1 AND ($2::text IS NULL OR sensor = $2)
       AND ${time} >= $3 AND ${time} < $4 ORDER BY ${time}, sensor LIMIT $5`,
      [clinic, sensor ?? null, fromMs, toMs, limit],
    );
    return rows;
  }

  async episodes({ clinic, sensor, fromMs, toMs, limit }: HistoryQuery): Promise<Episode[]> {
    const { rows } = await this.#pool.query<Episode>(
      `SELECT ${EPISODE_COLUMNS.join(', ')} FROM episodes WHERE clinic = $1 AND ($2::text IS NULL OR sensor = $2)
       AND since < $3 AND (cleared_at IS NULL OR cleared_at >= $4) ORDER BY since, episode_id LIMIT $5`,
      [clinic, sensor ?? null, toMs, fromMs, limit],
    );
    return rows;
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
