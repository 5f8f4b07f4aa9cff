/** An inclusive span of sequence numbers. */
export type Range = readonly [from: number, to: number];

/** Disjoint, ascending, never touching ranges. Either side can lose its memory and learn it again from these. */
export type RangeSet = readonly Range[];

/** More ranges than this in one set means a sender that invents holes. */
export const RANGES_MAX = 1000;

/** The set with [from, to] added, merged with what it overlaps or touches. */
export function addRange(set: RangeSet, [from, to]: Range): RangeSet {
  const last = set.at(-1);
  if (!last || from > last[1] + 1) return [...set, [from, to]];
  const out: Range[] = [];
  let low = from;
  let high = to;
  let placed = false;
  for (const range of set) {
    if (range[1] + 1 < low) out.push(range);
    else if (range[0] > high + 1) {
      if (!placed) out.push([low, high]);
      placed = true;
      out.push(range);
    } else {
      low = Math.min(low, range[0]);
      high = Math.max(high, range[1]);
    }
  }
  if (!placed) out.push([low, high]);
  return out;
}

export function union(a: RangeSet, b: RangeSet): RangeSet {
  return b.reduce(addRange, a);
}

/** The parts of [from, to] that the set does not hold, ascending. */
export function missing(set: RangeSet, [from, to]: Range): Range[] {
  const out: Range[] = [];
  let next = from;
  for (const [low, high] of set) {
    if (high < next) continue;
    if (low > to) break;
    if (low > next) out.push([next, low - 1]);
    next = high + 1;
  }
  if (next <= to) out.push([next, to]);
  return out;
}

export function contains(set: RangeSet, seq: number): boolean {
  return set.some(([low, high]) => low <= seq && seq <= high);
}

export function countOf(set: RangeSet): number {
  return set.reduce((sum, [low, high]) => sum + high - low + 1, 0);
}
