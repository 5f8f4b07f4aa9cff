import { missing, type Range, type RangeSet } from '../../core/contract/ranges.js';
import type { Stream } from '../../core/stream.js';

/** What one stream has (tail to durable head) and what needs no sending any more. */
export interface StreamView {
  tail: number;
  head: number;
  settled: RangeSet;
}

export interface Plan {
  stream: Stream;
  range: Range;
  /** `live`: the newest readings, sent for their freshness; `backlog`: what fills in behind; `part`: of a refused one. */
  kind: 'events' | 'live' | 'backlog' | 'part';
}

/** With more holes than this the backlog goes first: each live batch could leave one more. */
const GAPS_MAX = 100;

/** What may be sent now: live readings gather for a while, and the backlog keeps to a rate. */
export interface Due {
  live: boolean;
  backlog: boolean;
}

/**
 * What to send next. Events go before everything. Then, when due, the newest readings, so that after an outage
 * central ops see now before they see yesterday; then the backlog, oldest first, and last the summaries.
 */
export function planNext(views: Record<Stream, StreamView>, rows: number, due: Due): Plan | undefined {
  const event = unsent(views.events)[0];
  if (event) return { stream: 'events', range: head(event, rows), kind: 'events' };
  const gaps = unsent(views.readings);
  const last = gaps.at(-1);
  const fresh: Range | undefined =
    last && last[1] === views.readings.head ? [Math.max(last[0], last[1] - rows + 1), last[1]] : undefined;
  if (fresh && due.live && gaps.length < GAPS_MAX) return { stream: 'readings', range: fresh, kind: 'live' };
  if (!due.backlog) return undefined;
  const oldest = gaps[0];
  if (oldest && oldest[0] !== fresh?.[0]) {
    return { stream: 'readings', range: head(oldest, rows), kind: 'backlog' };
  }
  const summary = unsent(views.summaries)[0];
  return summary && { stream: 'summaries', range: head(summary, rows), kind: 'backlog' };
}

const unsent = (view: StreamView) =>
  view.head < view.tail ? [] : missing(view.settled, [view.tail, view.head]);

const head = ([from, to]: Range, rows: number): Range => [from, Math.min(to, from + rows - 1)];
