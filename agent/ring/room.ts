import type { RingEvent } from '../../core/contract/messages.js';
import { countOf, missing, type Range, type RangeSet } from '../../core/contract/ranges.js';
import type { Stream } from '../../core/stream.js';
import type { WorkerCalls } from './calls.js';
import type { Room } from './store.js';
import type { Span } from './tables.js';

/** Room of its own: readings never push out an event. */
const EVENTS_MAX = 50_000;
/** At most so many rows make room at a time. */
const EVICT_ROWS = 5000;
/** A summary takes some four times the bytes of a reading: together they get a quarter more than was configured. */
const READINGS_PER_SUMMARY = 16;
const SUMMARIES_MIN = 100;

/** Rows of a stream: those that are there, and up to where they are on the card. */
export interface Window {
  tail: number;
  head: number;
  durable: number;
}

export function windowOf({ tail, head }: Span): Window {
  return { tail: head === 0 ? 1 : tail, head, durable: head };
}

/** What a commit drops, and the events that name what had not been sent. */
export interface PlannedRoom extends Room {
  gaps: RingEvent[];
  /** Readings that cannot be summed up, since they are not as they were written. */
  lost: Range[];
  thinned: number;
  overwritten: number;
}

/** Which of the oldest rows go when the ring is full. Readings that were never sent are summed up before they go. */
export async function planRoom(
  windows: Readonly<Record<Stream, Window>>,
  settled: Readonly<Record<Stream, RangeSet>>,
  capacity: number,
  worker: WorkerCalls,
): Promise<PlannedRoom> {
  const events = evictThrough(windows.events, EVENTS_MAX);
  const summariesMax = Math.max(SUMMARIES_MIN, Math.floor(capacity / READINGS_PER_SUMMARY));
  const summaries = evictThrough(windows.summaries, summariesMax);
  let bad: number[] = [];
  let readings = evictThrough(windows.readings, capacity);
  const unsent = (stream: Stream, through: number) =>
    through === 0 ? [] : missing(settled[stream], [windows[stream].tail, through]);
  if (unsent('readings', readings).length > 0) {
    const range = [windows.readings.tail, readings] as const;
    const slots = await worker.call<{ through: number; bad: number[] }>({ op: 'wholeSlots', range });
    readings = slots.through;
    bad = slots.bad.filter((seq) => seq <= readings);
  }
  const rest = unsent('readings', readings);
  const thin = bad.reduce<Range[]>((ranges, seq) => without(ranges, seq), rest);
  const lost = rest.flatMap((range) => missing(thin, range));
  const gone = unsent('summaries', summaries);
  const gaps: RingEvent[] = [];
  for (const range of thin) gaps.push(await gapEvent('readings', range, worker));
  for (const range of gone) gaps.push(await gapEvent('summaries', range, worker));
  return {
    readings,
    events,
    summaries,
    thin,
    gaps,
    lost,
    thinned: countOf(thin),
    overwritten: countOf(gone),
  };
}

const without = (ranges: readonly Range[], seq: number): Range[] =>
  ranges.flatMap((range) => missing([[seq, seq]], range));

async function gapEvent(stream: 'readings' | 'summaries', range: Range, worker: WorkerCalls) {
  const times = await worker.call<{ sinceMs: number; untilMs: number }>({ op: 'times', stream, range });
  const span = {
    from: range[0],
    to: range[1],
    since: new Date(times.sinceMs).toISOString(),
    until: new Date(times.untilMs).toISOString(),
  };
  const gap =
    stream === 'readings'
      ? { reason: 'thinned' as const, ...span }
      : { reason: 'overwritten' as const, stream, ...span };
  return { type: 'gap' as const, gap };
}

/** The seq up to which rows go, or 0. Only durable rows go, and some always stay: numbers are never reused. */
function evictThrough(span: Window, capacity: number): number {
  const rows = span.head - span.tail + 1;
  if (rows <= capacity) return 0;
  const some = Math.min(EVICT_ROWS, Math.ceil(capacity / 10));
  const through = Math.min(span.tail + Math.max(some, rows - capacity) - 1, span.durable - 1);
  return through >= span.tail ? through : 0;
}
