import { type AlertMessage, placeOf, type ReadingMessage } from '../../core/contract/messages.js';
import type { FullSensorAggregate } from '../../core/contract/streams.js';
import { ColdwatchError } from '../../core/errors.js';
import type { Position } from '../log/port.js';

/** What is put away together: one transaction. Putting the same away again changes nothing. */
export interface ArchiveRows {
  readings: ReadingMessage[];
  aggregates: StoredAggregate[];
  alerts: AlertMessage[];
  /** How far the log is in the archive once these rows are. */
  positions: Position[];
}

/** `said`: when the log took it, ms. What was said later counts. */
export type StoredAggregate = FullSensorAggregate & { said: number };

/** What of the log is in an archive. */
export interface Reached {
  /** Another number after each `clear`: who read on from before stores nothing any more. */
  generation: number;
  positions: Position[];
}

export type Kind = 'readings' | 'aggregates' | 'episodes';

/** Rows stand in this order; after which one a page begins. */
export interface Cursors {
  readings: [
    measured_at: number,
    sensor: string,
    quantity: string,
    gateway: string,
    unit: string,
    epoch: string,
    seq: number,
  ];
  aggregates: [since: number, sensor: string, quantity: string];
  episodes: [since: number, episode_id: string];
}

export interface HistoryQuery<K extends Kind = Kind> {
  clinic: string;
  /** Absent: all of the clinic. */
  sensor?: string | undefined;
  /** Absent: of every quantity. Episodes have none. */
  quantity?: string | undefined;
  fromMs: number;
  toMs: number;
  after?: Cursors[K] | undefined;
  limit: number;
}

export interface Page {
  /** A JSON array in pieces: made where the rows are, or piece by piece, so that nobody waits while the relay hands it on. */
  rows: Iterable<Uint8Array | string>;
  /** Of the page that follows; null where this is the last. */
  next: string | null;
}

export type ArchivedReading = Pick<
  ReadingMessage,
  | 'clinic'
  | 'gateway'
  | 'sensor'
  | 'quantity'
  | 'value'
  | 'unit'
  | 'measured_at'
  | 'quality'
  | 'time_quality'
  | 'epoch'
  | 'seq'
>;

/** An alert from its beginning to its end; times in ms, null while they have not come. */
export interface Episode {
  episode_id: string;
  clinic: string;
  gateway: string;
  sensor: string;
  alert_type: string;
  severity: string;
  rule: string;
  since: number;
  raised_at: number | null;
  acknowledged_at: number | null;
  acknowledged_by: string | null;
  comment: string | null;
  cleared_at: number | null;
  summary: string;
  worst: number | null;
  seconds_outside: number | null;
  degree_minutes: number | null;
  mkt: number | null;
}

/** The archive was emptied by another program: read on from what it has reached now. */
export class Emptied extends ColdwatchError {
  constructor() {
    super('archive.emptied', 'the archive was emptied by another program', { retry: true });
  }
}

/** History for queries, for years. Two of them pass one suite (test/conformance): SQLite and PostgreSQL. */
export interface Archive {
  /** Rejects with Emptied, and stores nothing, where the archive was emptied since that generation. */
  store(rows: ArchiveRows, generation: number): Promise<void>;
  reached(): Promise<Reached>;
  /** By event time, oldest first; of episodes those that began or stood in the time asked for. */
  page<K extends Kind>(kind: K, query: HistoryQuery<K>): Promise<Page>;
  /** Readings and aggregates from before these times go; episodes stay. */
  tidy(readingsBeforeMs: number, aggregatesBeforeMs: number): Promise<void>;
  /** Forgets everything, to be filled from the log again. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

export const READING_COLUMNS = [
  'clinic',
  'gateway',
  'sensor',
  'quantity',
  'value',
  'unit',
  'measured_at',
  'quality',
  'time_quality',
  'epoch',
  'seq',
] as const satisfies (keyof ArchivedReading)[];

export const AGGREGATE_COLUMNS = [
  'clinic',
  'sensor',
  'quantity',
  'unit',
  'since',
  'count',
  'min',
  'max',
  'mean',
  'low',
  'high',
  'seconds_covered',
  'seconds_outside',
] as const satisfies (keyof FullSensorAggregate)[];

/** What a later record of the same five minutes says anew. */
export const AGGREGATE_CHANGES = [
  'unit',
  'count',
  'min',
  'max',
  'mean',
  'low',
  'high',
  'seconds_covered',
  'seconds_outside',
  'said',
] as const satisfies (keyof StoredAggregate)[];

export const EPISODE_COLUMNS = [
  'episode_id',
  'clinic',
  'gateway',
  'sensor',
  'alert_type',
  'severity',
  'rule',
  'since',
  'raised_at',
  'acknowledged_at',
  'acknowledged_by',
  'comment',
  'cleared_at',
  'summary',
  'worst',
  'seconds_outside',
  'degree_minutes',
  'mkt',
] as const satisfies (keyof Episode)[];

/** What one alert says of its episode; what it does not say is null, and leaves what is known. */
export function episodeOf(alert: AlertMessage): Episode {
  const at = Date.parse(alert.timestamp);
  const when = (state: AlertMessage['state']) => (alert.state === state ? at : null);
  const { episode } = alert;
  return {
    episode_id: alert.episode_id,
    // A region's episodes are asked for by its name.
    clinic: placeOf(alert),
    gateway: alert.gateway,
    sensor: alert.sensor,
    alert_type: alert.alert_type,
    severity: alert.severity,
    rule: alert.rule,
    since: Date.parse(alert.since),
    raised_at: when('raised'),
    acknowledged_at: when('acknowledged'),
    acknowledged_by: alert.by ?? null,
    comment: alert.comment ?? null,
    cleared_at: when('cleared'),
    summary: alert.summary,
    worst: episode?.worst ?? null,
    seconds_outside: episode?.seconds_outside ?? null,
    degree_minutes: episode?.degree_minutes ?? null,
    mkt: episode?.mkt ?? null,
  };
}

/** Columns that a later alert of the same episode fills in; the others are as the first one said. */
const EPISODE_LATER = [
  'acknowledged_at',
  'acknowledged_by',
  'comment',
  'worst',
  'seconds_outside',
  'degree_minutes',
  'mkt',
] as const satisfies (keyof Episode)[];

const later = (column: string) =>
  `${column} = CASE WHEN episodes.${column} IS NULL OR excluded.${column} > episodes.${column}
    THEN excluded.${column} ELSE episodes.${column} END`;

/**
 * What an alert changes in its episode's row, in whatever order alerts come: it was raised when that was first said, and
 * `last_raised` and `cleared_at` are when each was last said.
 */
export const EPISODE_CHANGES = [
  ...EPISODE_LATER.map((column) => `${column} = coalesce(excluded.${column}, episodes.${column})`),
  `raised_at = CASE WHEN episodes.raised_at IS NULL OR excluded.raised_at < episodes.raised_at
    THEN excluded.raised_at ELSE episodes.raised_at END`,
  later('last_raised'),
  later('cleared_at'),
].join(', ');

/** One that was raised again stands. */
export const EPISODE_ENDED = 'CASE WHEN cleared_at >= coalesce(last_raised, 0) THEN cleared_at END';
/** As it is answered. */
export const EPISODE_SELECTED = EPISODE_COLUMNS.map((column) =>
  column === 'cleared_at' ? `${EPISODE_ENDED} AS cleared_at` : column,
).join(', ');
