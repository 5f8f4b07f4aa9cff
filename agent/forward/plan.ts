import { missing, type Range, type RangeSet } from '../../core/contract/ranges.js';
import type { Stream } from '../../core/identity.js';

/** What one stream has (tail to durable head) and what needs no sending any more. */
export interface StreamView {
  tail: number;
  head: number;
  settled: RangeSet;
}

export interface Plan {
  stream: Stream;
  range: Range;
  /** True for the newest rows, sent for their freshness; false for events and for the backlog behind. */
  live: boolean;
}

/**
 * What to send next. Events go before everything. Then, when `liveDue`, the newest readings, so that after an
 * outage central ops see now before they see yesterday; otherwise the backlog, oldest first.
 */
export function planNext(
  events: StreamView,
  readings: StreamView,
  rows: number,
  liveDue: boolean,
): Plan | undefined {
  const event = unsent(events)[0];
  if (event) return { stream: 'events', range: head(event, rows), live: false };
  const gaps = unsent(readings);
  const last = gaps.at(-1);
  if (!last) return undefined;
  const fresh: Range = [Math.max(last[0], last[1] - rows + 1), last[1]];
  const isFresh = last[1] === readings.head;
  if (isFresh && liveDue) return { stream: 'readings', range: fresh, live: true };
  const backlog = gaps[0]!;
  const onlyFresh = isFresh && gaps.length === 1 && backlog[0] === fresh[0];
  return onlyFresh ? undefined : { stream: 'readings', range: head(backlog, rows), live: false };
}

const unsent = (view: StreamView) =>
  view.head < view.tail ? [] : missing(view.settled, [view.tail, view.head]);

const head = ([from, to]: Range, rows: number): Range => [from, Math.min(to, from + rows - 1)];
