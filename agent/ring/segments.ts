import { asTimeline, type Clock, type TimelineMs } from '../../core/clock/clock.js';

/** A stretch of one boot in which the wall clock ran evenly. `wall = mono + wallOffset`, likewise the timeline. */
export interface Segment {
  id: number;
  boot: string;
  wallOffset: number;
  timelineOffset: number;
  /** Whether the wall clock had been set by then. */
  synchronised: boolean;
}

/**
 * The wall time of stored rows. Once a boot's clock is set, all of that boot is dated by the set clock: nothing is
 * rewritten. A boot that never saw a set clock is estimated: not before its own clock says, and not before what
 * was stored earlier.
 */
export class SegmentTimes {
  readonly #times = new Map<number, { offset: number; timelineOffset: number; estimated: boolean }>();

  constructor(segments: readonly Segment[]) {
    for (const { id, boot, wallOffset, timelineOffset, synchronised } of segments) {
      const set = synchronised
        ? undefined
        : segments.find((other) => other.boot === boot && other.synchronised);
      const estimated = !synchronised && !set;
      const offset = set?.wallOffset ?? (estimated ? Math.max(wallOffset, timelineOffset) : wallOffset);
      this.#times.set(id, { offset, timelineOffset, estimated });
    }
  }

  /** Undefined for a segment that does not exist. */
  of(id: number): { offset: number; timelineOffset: number; estimated: boolean } | undefined {
    return this.#times.get(id);
  }
}

/** The wall clock may be slewed by this much before its rows get a segment of their own. */
const STEP_MS = 250;

export interface Segments {
  /** The id of the segment for a row written now; `fresh` gets it first when it is new. */
  current(fresh: (segment: Segment) => void): number;
  timeline(): TimelineMs;
  /** Whether this boot's rows have a set clock to be dated by. */
  dated(): boolean;
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
  let dated = known.some((segment) => segment.boot === boot && segment.synchronised);
  let last = known.filter((segment) => segment.boot === boot).at(-1);
  return {
    timeline: () => asTimeline(Math.round(clock.mono()) + timelineOffset),
    dated: () => dated,
    current(announce) {
      const offset = wallOffset();
      const synchronised = clock.synchronised();
      if (!last || last.synchronised !== synchronised || Math.abs(last.wallOffset - offset) > STEP_MS) {
        last = { id: nextId++, boot, wallOffset: offset, timelineOffset, synchronised };
        dated ||= synchronised;
        announce(last);
      }
      return last.id;
    },
  };
}
