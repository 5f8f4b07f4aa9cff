import type { DataTopic } from '../../core/contract/messages.js';
import { addRange, RANGES_MAX, type Range, type RangeSet } from '../../core/contract/ranges.js';
import type { SourceTopic } from '../../core/contract/sources.js';
import type { BacktestTopic, StreamTopic } from '../../core/contract/streams.js';
import { ColdwatchError } from '../../core/errors.js';
import type { Stream } from '../../core/stream.js';

/** What the relay's schema registry has; kept for good. */
export const SCHEMAS_TOPIC = 'schemas';

export type LogTopic = DataTopic | SourceTopic | StreamTopic | BacktestTopic | typeof SCHEMAS_TOPIC;

/** A record of a data topic. `key` keeps a sensor's order; headers carry gateway, epoch, seq, backfill, traceparent. */
export interface LogRecord {
  topic: LogTopic;
  key: string;
  value: string;
  headers: Record<string, string>;
  /** Event time in ms. Kafka puts the time of arrival in its place: retention is by that. */
  timestamp: number;
}

/** A contiguous range of one stream of one ring: `records[i]` has the seq `from + i`. */
export interface Append {
  gateway: string;
  epoch: string;
  stream: Stream;
  from: number;
  records: LogRecord[];
}

export interface Progress {
  epoch: string;
  stream: Stream;
  held: RangeSet;
}

/** A record that has no ring behind it, with the id that makes a repeat harmless. */
export interface Published extends LogRecord {
  id: string;
}

/** For so long the id of what was published is remembered. */
export const REMEMBERED_MS = 86_400_000;

export interface StoredRecord extends LogRecord {
  /** Grows within a topic (embedded) or a partition (Kafka). */
  offset: string;
}

/** Rings that one gateway may have had: each takes memory for good. */
export const EPOCHS_MAX = 100;

/** What is held once this range is, or wire.invalid for a gateway that invents holes without end. */
export function extended(held: RangeSet, range: Range): RangeSet {
  const next = addRange(held, range);
  if (next.length <= RANGES_MAX) return next;
  throw new ColdwatchError('wire.invalid', `expected at most ${RANGES_MAX} separate ranges of one stream`);
}

/** wire.invalid for a gateway that invents epochs without end; `epochs` are those known of it, the new one included. */
export function refuseEpochs(epochs: ReadonlySet<string>): void {
  if (epochs.size > EPOCHS_MAX) {
    throw new ColdwatchError('wire.invalid', `expected at most ${EPOCHS_MAX} epochs of one gateway`);
  }
}

/** This relay does not keep that gateway's progress now: another does, at `url`, or nobody yet (null). */
export class Elsewhere extends ColdwatchError {
  readonly url: string | null;

  constructor(url: string | null) {
    super(
      'log.elsewhere',
      url ? `this gateway is served by ${url}` : 'this gateway’s lane has no owner yet',
      {
        retry: true,
      },
    );
    this.url = url;
  }
}

export interface Lag {
  group: string;
  topic: string;
  records: number;
}

export interface Tail {
  stop(): Promise<void>;
}

/** Where readings go. Two implementations pass one suite (test/conformance): embedded (SQLite) and kafka. */
export interface Log {
  /**
   * Appends these records and the gateway's progress atomically, leaving out what is held already; resolves once
   * it is durable, with all that is held of that stream. Rejects with log.* (retry says whether to try again),
   * with Elsewhere when another relay serves that gateway.
   */
  append(batch: Append): Promise<RangeSet>;
  progress(gateway: string): Promise<Progress[]>;
  /**
   * Appends records of other sources, leaving out those whose id was published in the last REMEMBERED_MS; resolves once
   * they are durable, with the ids left out.
   */
  publish(records: readonly Published[]): Promise<{ repeated: string[] }>;
  /** Delivers committed records of these topics that arrived since `sinceMs`, then new ones as they come. */
  tail(
    topics: readonly LogTopic[],
    sinceMs: number,
    onRecords: (records: StoredRecord[]) => void,
  ): Promise<Tail>;
  /** Delivers what is committed in these topics and arrived since `sinceMs`; resolves at what was their end. */
  read(
    topics: readonly LogTopic[],
    sinceMs: number,
    onRecords: (records: StoredRecord[]) => void,
  ): Promise<void>;
  /** How far the streams' consumers are behind, in records a topic; empty where nobody but this process reads. */
  lag(): Promise<Lag[]>;
  /** Rejects when the log cannot take records now. */
  ready(): Promise<void>;
  close(): Promise<void>;
}
