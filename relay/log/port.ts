import type { DataTopic } from '../../core/contract/messages.js';
import { addRange, RANGES_MAX, type Range, type RangeSet } from '../../core/contract/ranges.js';
import type { SourceTopic } from '../../core/contract/sources.js';
import type { BacktestTopic, StreamTopic } from '../../core/contract/streams.js';
import { ColdwatchError } from '../../core/errors.js';
import type { Stream } from '../../core/stream.js';

/** What the relay's schema registry has; kept for good. */
export const SCHEMAS_TOPIC = 'schemas';

/** Who is enrolled as which gateway; kept for good. */
export const ENROLMENT_TOPIC = 'gateway.enrolment';

export type LogTopic =
  | DataTopic
  | SourceTopic
  | StreamTopic
  | BacktestTopic
  | typeof SCHEMAS_TOPIC
  | typeof ENROLMENT_TOPIC;

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
  /** The clinic that the gateway names, where it may name one for good: the first, kept with its progress. */
  clinic?: string;
  /** Nobody vouches for its name: a new one is taken only while there are fewer than GATEWAYS_MAX. */
  anybody?: boolean;
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

/** What a reader did not take is delivered again after so long. */
export const AGAIN_MS = 1000;

/** For so long the id of what was published is remembered. */
export const REMEMBERED_MS = 86_400_000;

export interface StoredRecord extends LogRecord {
  /** 0 in the embedded log, which has one a topic. */
  partition: number;
  /** Grows within a partition, not without gaps. */
  offset: string;
  /** When the log took it, ms. */
  arrivedMs: number;
}

/** How far a reader has come in a partition. */
export interface Position {
  topic: LogTopic;
  partition: number;
  /** Of the next record to read. */
  offset: string;
  /** When the last record before it arrived: by that a topic that was made anew is told. */
  arrivedMs: number;
}

/** Where a reader begins: at what arrived since that time (ms), or at these positions, and at the beginning where none is. */
export type From = number | readonly Position[];

/** Nothing more is delivered before what this returns has resolved. */
export type OnRecords = (records: StoredRecord[]) => void | Promise<void>;

/** Records that a reader cannot have any more: the log let them go unread, or the topic was made anew. */
export interface Hole {
  topic: LogTopic;
  partition: number;
  why: 'gone' | 'anew';
  /** The next record that was to be read, and where reading goes on. */
  wanted: string;
  found: string;
}

export interface Behind {
  /** Not yet delivered; in Kafka with what marks the ends of transactions. At most BEHIND_MAX in the embedded log. */
  records: number;
  /** When the first of them arrived, at the latest; null where there is none. */
  sinceMs: number | null;
}
export const BEHIND_MAX = 100_000;

/** What is held once this range is, or wire.invalid for a gateway that invents holes without end. */
export function extended(held: RangeSet, range: Range): RangeSet {
  const next = addRange(held, range);
  if (next.length <= RANGES_MAX) return next;
  throw new ColdwatchError('wire.invalid', `expected at most ${RANGES_MAX} separate ranges of one stream`);
}

/** Gateways known to a relay that takes any name: each takes memory and disk for good. */
export const GATEWAYS_MAX = 20_000;

/** log.bound for a new gateway that nobody vouches for, where `max` others are known. */
export function refuseInvented({ gateway, anybody }: Append, known: number, max = GATEWAYS_MAX): void {
  if (!anybody || known < max) return;
  const message = `this relay takes any gateway, and has no room for another than it knows: "${gateway}" is taken once its file has \`gateways\``;
  throw new ColdwatchError('log.bound', message);
}

/** log.bound for a gateway that speaks of another clinic than it first did. */
export function refuseClinic(bound: string | undefined, { gateway, clinic }: Append): void {
  if (bound === undefined || clinic === undefined || bound === clinic) return;
  const message = `the gateway "${gateway}" is of the clinic "${bound}": to move it, name its clinic below \`gateways\` in the relay’s file`;
  throw new ColdwatchError('log.bound', message);
}

/** This relay does not keep that gateway's progress now: another does, at `url`, or nobody yet (null). */
export class Elsewhere extends ColdwatchError {
  readonly url: string | null;

  constructor(url: string | null) {
    super(
      'log.elsewhere',
      url
        ? `this gateway is served by ${url}`
        : 'this gateway’s lane has no owner yet, or one that names no http.public_url',
      {
        retry: true,
      },
    );
    this.url = url;
  }
}

export interface LogOptions {
  /** `client`: for a command beside a running relay; it serves no gateways. */
  role?: 'relay' | 'client';
  /** Opening ends, as soon as this is aborted. */
  stop?: AbortSignal;
}

export interface Lag {
  group: string;
  topic: string;
  records: number;
}

export interface Tail {
  behind(): Promise<Behind>;
  /** Resolves once nothing more will be delivered, and nothing that was delivered is still being handled. */
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
  /**
   * Delivers committed records of these topics, then new ones as they come, each partition in its order. What `onRecords`
   * rejects is delivered again until it is taken.
   */
  tail(
    topics: readonly LogTopic[],
    from: From,
    onRecords: OnRecords,
    onHole?: (hole: Hole) => void,
  ): Promise<Tail>;
  /** Delivers what is committed in these topics; resolves at what was their end, rejects with what `onRecords` rejects. */
  read(topics: readonly LogTopic[], from: From, onRecords: OnRecords): Promise<void>;
  /** Records of its own books that it could not read, and passed over. */
  readonly unreadable: number;
  /** How far the streams' consumers are behind, in records a topic; empty where nobody but this process reads. */
  lag(): Promise<Lag[]>;
  /** Rejects when the log cannot take records now. */
  ready(): Promise<void>;
  close(): Promise<void>;
}
