import type { ReadingRow } from '../../core/contract/batch.js';
import type { RingEvent, Summary } from '../../core/contract/messages.js';
import type { Range, RangeSet } from '../../core/contract/ranges.js';
import type { Reading } from '../../core/reading.js';
import type { Stream } from '../../core/stream.js';

/** A stored reading as rules need it again after a restart. */
export interface StoredReading {
  seq: number;
  reading: Reading;
}

/** The ring as the rest of the agent sees it. Nothing here waits for the card but what returns a promise. */
export interface Ring {
  readonly epoch: string;
  /** Highest seq given out so far; 0 before the first. */
  head(stream: Stream): number;
  /** Lowest seq that is still there, or head + 1 when none is. */
  tail(stream: Stream): number;
  /** Numbers a reading and queues it for the next commit. */
  append(reading: Reading): number;
  /** Numbers an event and commits it, with all that came before, at once. */
  appendEvent(event: RingEvent): number;
  /** Keeps a piece of state; it becomes durable in the same commit as the rows appended before it. */
  saveState(key: string, value: unknown): void;
  /** State as of the last commit before this start, or undefined. */
  loadState(key: string): unknown;
  /** Calls back once everything appended so far is durable. */
  whenDurable(fn: () => void): void;
  /** Keeps the receipt of a broker's message, in the same commit as the readings made of it. */
  addReceipt(id: number, digest: number): void;
  /** Pairs of id and digest as of the last commit before this start, oldest first; as many as a broker may repeat. */
  receipts(): Float64Array;
  /** Rows of an inclusive range, which must exist; only durable rows are given. */
  readReadings(range: Range): Promise<ReadingRow[]>;
  readEvents(range: Range): Promise<RingEvent[]>;
  readSummaries(range: Range): Promise<Summary[]>;
  /** Readings after `seq`, as rules need them, in order and at most `limit`. */
  replay(seq: number, limit: number): Promise<StoredReading[]>;
  /** Highest durable seq. */
  durable(stream: Stream): number;
  /** Highest seq that may be sent now. */
  sendable(stream: Stream): number;
  /** What the relay has said that it holds. */
  held(stream: Stream): RangeSet;
  markHeld(stream: Stream, ranges: RangeSet): void;
  /**
   * What the relay says that it holds of all streams, after a start or a broken link and before anything is sent.
   * Rejects when it holds what this ring has numbered again: then only a new start helps, which renumbers.
   */
  learn(held: Record<Stream, RangeSet>): Promise<void>;
  /** Milliseconds on the sensors' own timeline: continues across boots, never goes back. */
  timeline(): number;
  stats(): RingStats;
  close(): Promise<void>;
}

export interface RingStats {
  rows: number;
  capacity: number;
  waiting: number;
  commits: number;
  lastCommitMs: number;
  /** Readings that were summed up, and summaries that were dropped, before they were sent; since this start. */
  thinned: number;
  overwritten: number;
  failure: string | null;
}
