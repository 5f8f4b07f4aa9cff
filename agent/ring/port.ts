import type { Clock, TimelineMs } from '../../core/clock/clock.js';
import type { ReadingRow } from '../../core/contract/batch.js';
import type { RingEvent, Summary } from '../../core/contract/messages.js';
import type { Range, RangeSet } from '../../core/contract/ranges.js';
import type { AllowedRange } from '../../core/detect/allowed.js';
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
  /** Keeps a piece of state and resolves when it is on the card. Rejects when the card does not take it. */
  saveDurably(key: string, value: unknown): Promise<void>;
  /** Calls back once everything appended so far is on the card, or, while the card refuses, in memory. */
  whenKept(fn: () => void): void;
  /** Somebody waits: what is pending is committed within `flush`, with or without company. */
  hurry(): void;
  /** Keeps the receipt of a broker's message, in the same commit as the readings made of it. */
  addReceipt(id: number, digest: number): void;
  /** Pairs of id and digest as of the last commit before this start, oldest first; as many as a broker may repeat. */
  receipts(): Float64Array;
  /** Rows of an inclusive range of what is sendable and not withheld. Rejects with `ring.rows_lost` when some are lost. */
  readReadings(range: Range): Promise<ReadingRow[]>;
  readEvents(range: Range): Promise<RingEvent[]>;
  readSummaries(range: Range): Promise<Summary[]>;
  /** The readings numbered seq + 1 to seq + limit, as rules need them, in order; those that are lost are left out. */
  replay(seq: number, limit: number): Promise<StoredReading[]>;
  /** Highest durable seq. */
  durable(stream: Stream): number;
  /** Highest seq that may be sent now: durable, or, while the card refuses, in memory. */
  sendable(stream: Stream): number;
  /** What up to there must not be sent, or cannot be read, as long as the card refuses. */
  withheld(stream: Stream): RangeSet;
  /** What needs no sending: the relay has said that it holds it, or it is gone and named. */
  held(stream: Stream): RangeSet;
  markHeld(stream: Stream, ranges: RangeSet): void;
  /**
   * What the relay says that it holds of all streams, after a start or a broken link and before anything is sent.
   * `others`: it also knows other rings of this gateway. Rejects when it holds what this ring has numbered again: then only a new start helps, which renumbers.
   */
  learn(held: Record<Stream, RangeSet>, others?: boolean): Promise<void>;
  /** Milliseconds on the sensors' own timeline: continues across boots, never goes back. */
  timeline(): TimelineMs;
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

export interface RingOptions {
  file: string;
  boot: string;
  capacity: number;
  flushMs: number;
  /** No reading waits longer than this, however small its group. */
  withinMs?: number | undefined;
  clock: Clock;
  /** Nothing is numbered here any more (a salvaged ring): what a relay holds beyond it came from elsewhere. */
  finished?: boolean;
  /** By channel key (sensor/quantity): for the seconds outside that thinned readings had. */
  limits?: ReadonlyMap<string, AllowedRange>;
  /** Called when commits keep failing, and when one succeeds again. */
  onHealth?: (failure: string | null) => void;
  /** Called when rows that no relay holds have to make room for newer ones: once a day at most. */
  onFull?: () => void;
  /** Called once when the file itself turns out to be damaged: only a new start, which salvages it, can help. */
  onDamage?: (damage: string) => void;
  /**
   * Called when rows turn out to be not as they were written. Whoever opened the ring names them in a gap: what is
   * appended to it before this returns is durable together with the note that they are lost.
   */
  onLost?: (stream: Stream, rows: RangeSet) => void;
  /** Called when the ring’s files had been removed and were written anew. */
  onRestored?: () => void;
  /** Called when a relay knows other rings of this gateway, though there was none at the start. */
  onVanished?: () => void;
  /** Called when events can be sent: they should not wait. */
  onEvents?: () => void;
}
