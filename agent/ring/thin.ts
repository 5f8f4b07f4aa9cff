import type { ReadingRow } from '../../core/contract/batch.js';
import type { Summary } from '../../core/contract/messages.js';
import type { AllowedRange } from '../../core/detect/allowed.js';
import { unpackQuality } from '../../core/quality.js';
import { channelKey } from '../../core/reading.js';

/** Readings that a full ring cannot keep are summed up by quarters of an hour. */
const SLOT_MS = 900_000;

interface Sums {
  summary: Summary;
  slot: number;
  total: number;
  last: { at: number; outside: boolean } | undefined;
}

/** Sums up rows by channel and quarter of an hour, in the order in which the quarters end. */
export function thin(rows: Iterable<ReadingRow>, limits: ReadonlyMap<string, AllowedRange>): Summary[] {
  const open = new Map<string, Sums>();
  const done: Summary[] = [];
  for (const row of rows) {
    const key = channelKey(row);
    const slot = Math.floor(row.measuredAt / SLOT_MS);
    let sums = open.get(key);
    if (!sums || sums.slot !== slot || sums.summary.estimated !== row.estimated) {
      if (sums) done.push(finish(sums));
      sums = begin(row, slot, sums?.last);
      open.set(key, sums);
    }
    add(sums, row, limits.get(key) ?? [null, null]);
  }
  for (const sums of open.values()) done.push(finish(sums));
  return done;
}

function begin(row: ReadingRow, slot: number, last: Sums['last']): Sums {
  const { sensor, quantity, measuredAt, estimated } = row;
  const span = { since: measuredAt, until: measuredAt, estimated };
  const none = { count: 0, bad: 0, min: null, max: null, mean: null, outside_ms: 0 };
  return { summary: { sensor, quantity, ...span, ...none }, slot, total: 0, last };
}

function add(sums: Sums, row: ReadingRow, [low, high]: AllowedRange): void {
  const { summary, last } = sums;
  const { measuredAt: at, milli } = row;
  summary.since = Math.min(summary.since, at);
  summary.until = Math.max(summary.until, at);
  if (unpackQuality(row.quality).quality === 'bad') {
    summary.bad += 1;
    return;
  }
  // A value holds until the next one; over a long silence nothing is claimed.
  if (last?.outside) summary.outside_ms += Math.min(SLOT_MS, Math.max(0, at - last.at));
  sums.last = { at, outside: (low !== null && milli < low) || (high !== null && milli > high) };
  summary.count += 1;
  sums.total += milli;
  summary.min = Math.min(summary.min ?? milli, milli);
  summary.max = Math.max(summary.max ?? milli, milli);
}

function finish({ summary, total }: Sums): Summary {
  return { ...summary, mean: summary.count === 0 ? null : Math.round(total / summary.count) };
}

/**
 * How many of these times (ascending, of the oldest rows) to thin together: up to where the last whole quarter of an
 * hour ends, or all where they lie within one.
 */
export function wholeSlots(times: readonly number[]): number {
  for (let i = times.length - 1; i > 0; i--) {
    if (Math.floor(times[i]! / SLOT_MS) !== Math.floor(times[i - 1]! / SLOT_MS)) return i;
  }
  return times.length;
}
