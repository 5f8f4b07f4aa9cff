import type Database from 'better-sqlite3';
import type { AlertMessage } from '../../../core/contract/messages.js';
import type { Position } from '../../log/port.js';
import {
  AGGREGATE_CHANGES,
  type ArchivedReading,
  EPISODE_CHANGES,
  EPISODE_COLUMNS,
  episodeOf,
  type StoredAggregate,
} from '../port.js';
import { pack } from './flags.js';

/** Names known at once, of series and of epochs; far more than a file has. */
const NAMES_MAX = 200_000;
/** Aggregates are of a sensor, whichever gateway read it. */
const ANY_GATEWAY = '';

type Name = readonly [clinic: string, sensor: string, quantity: string, unit: string, gateway: string];

/** Puts single rows into the tables; what groups them into transactions is the caller's. */
export class Writer {
  readonly #series: Names<Name>;
  readonly #epochs: Names<readonly [string]>;
  readonly #reading;
  readonly #aggregate;
  readonly #episode;
  readonly #position;

  constructor(db: Database.Database) {
    const series = '(clinic, sensor, quantity, unit, gateway)';
    this.#series = new Names(
      db,
      `series ${series} VALUES (?, ?, ?, ?, ?)`,
      `series WHERE ${series} = (?, ?, ?, ?, ?)`,
    );
    this.#epochs = new Names(db, 'epochs (epoch) VALUES (?)', 'epochs WHERE epoch = ?');
    this.#reading = db.prepare(
      'INSERT OR IGNORE INTO readings (series, at, epoch, seq, value, flags) VALUES (?, ?, ?, ?, ?, ?)',
    );
    // What is said later counts, also where it is put away earlier: two relays may fill one archive.
    const changed = AGGREGATE_CHANGES.filter((column) => column !== 'unit');
    this.#aggregate = db.prepare(
      `INSERT INTO aggregates (series, since, ${changed.join(', ')})
       VALUES (@series, @since, ${changed.map((c) => `@${c}`).join(', ')})
       ON CONFLICT DO UPDATE SET ${changed.map((c) => `${c} = excluded.${c}`).join(', ')}
       WHERE excluded.said >= aggregates.said`,
    );
    this.#episode = db.prepare(
      `INSERT INTO episodes (${EPISODE_COLUMNS.join(', ')}, last_raised)
       VALUES (${EPISODE_COLUMNS.map((c) => `@${c}`).join(', ')}, @raised_at)
       ON CONFLICT (episode_id) DO UPDATE SET ${EPISODE_CHANGES}`,
    );
    this.#position = db.prepare(
      'INSERT OR REPLACE INTO positions (topic, part, offset, arrived) VALUES (@topic, @partition, @offset, @arrivedMs)',
    );
  }

  reading(row: ArchivedReading): void {
    const { clinic, sensor, quantity, unit, gateway, epoch, seq, measured_at } = row;
    const series = this.#series.idOf([clinic, sensor, quantity, unit, gateway]);
    const { value, flags } = pack(row);
    this.#reading.run(series, measured_at, this.#epochs.idOf([epoch]), seq, value, flags);
  }

  aggregate({ clinic, sensor, quantity, unit, ...row }: StoredAggregate): void {
    const series = this.#series.idOf([clinic, sensor, quantity, unit, ANY_GATEWAY]);
    this.#aggregate.run({ ...row, series });
  }

  alert(alert: AlertMessage): void {
    this.#episode.run(episodeOf(alert));
  }

  position(position: Position): void {
    this.#position.run(position);
  }

  /** After a transaction that came to nothing: names that it made are not there. */
  forget(): void {
    this.#series.forget();
    this.#epochs.forget();
  }
}

/** Numbers for names, given once and for good. */
class Names<N extends readonly string[]> {
  readonly #ids = new Map<string, number>();
  readonly #insert;
  readonly #select;

  constructor(db: Database.Database, into: string, from: string) {
    this.#insert = db.prepare(`INSERT OR IGNORE INTO ${into}`);
    this.#select = db.prepare<unknown[], number>(`SELECT id FROM ${from}`).pluck();
  }

  idOf(name: N): number {
    const key = name.join('\0');
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    this.#insert.run(...name);
    const id = this.#select.get(...name)!;
    if (this.#ids.size >= NAMES_MAX) this.#ids.clear();
    this.#ids.set(key, id);
    return id;
  }

  forget(): void {
    this.#ids.clear();
  }
}
