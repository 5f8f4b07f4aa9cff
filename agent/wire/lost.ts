import type { Clock } from '../../core/clock/clock.js';
import type { RangeSet } from '../../core/contract/ranges.js';
import type { Stream } from '../../core/stream.js';
import type { Ring } from '../ring/port.js';
import type { Lost } from '../ring/salvage.js';

/** Names rows that cannot be read any more, in events of the ring that runs. */
export function nameLost(
  ring: Pick<Ring, 'appendEvent'>,
  clock: Clock,
  lost: readonly Lost[],
  epoch?: string,
): void {
  const at = new Date(clock.wall()).toISOString();
  // The times of lost rows are as lost as the rows: their numbers, and now, are what is known.
  const gap = { reason: 'corrupt' as const, since: at, until: at, ...(epoch === undefined ? {} : { epoch }) };
  for (const { stream, ...range } of lost) {
    const which = stream === 'readings' ? {} : { stream };
    ring.appendEvent({ type: 'gap', gap: { ...gap, ...which, ...range } });
  }
}

export const lostOf = (stream: Stream, rows: RangeSet): Lost[] =>
  rows.map(([from, to]) => ({ stream, from, to }));
