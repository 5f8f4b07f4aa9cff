import type { Clock } from '../../core/clock/clock.js';
import type { Segment } from './store.js';

/** The wall clock may be slewed by this much before its rows get a segment of their own. */
const STEP_MS = 250;

export interface Segments {
  /** The id of the segment for a row written now; `fresh` gets it first when it is new. */
  current(fresh: (segment: Segment) => void): number;
  timeline(): number;
}

/**
 * The timeline of a boot starts where the last boot's ended, or at the wall clock where that is later and can be
 * trusted: so time that passed without power counts when it is known, and nothing ever runs backwards.
 */
export function openSegments(
  clock: Clock,
  boot: string,
  known: readonly Segment[],
  lastTimeline: number | null,
): Segments {
  const sameBoot = known.find((segment) => segment.boot === boot);
  const wallOffset = () => Math.round(clock.wall() - clock.mono());
  const fresh = () => {
    const resumed = (lastTimeline ?? 0) + 1 - Math.floor(clock.mono());
    return clock.synchronised() || lastTimeline === null ? Math.max(resumed, wallOffset()) : resumed;
  };
  const timelineOffset = sameBoot?.timelineOffset ?? fresh();
  let nextId = Math.max(0, ...known.map((segment) => segment.id)) + 1;
  let last = known.filter((segment) => segment.boot === boot).at(-1);
  return {
    timeline: () => Math.round(clock.mono()) + timelineOffset,
    current(announce) {
      const offset = wallOffset();
      const synchronised = clock.synchronised();
      if (!last || last.synchronised !== synchronised || Math.abs(last.wallOffset - offset) > STEP_MS) {
        last = { id: nextId++, boot, wallOffset: offset, timelineOffset, synchronised };
        announce(last);
      }
      return last.id;
    },
  };
}
