/** Beyond a third of its letters wrong, a name is more likely another word than a slip. */
const SLIPS_SHARE = 1 / 3;

/** Of these names the one that was most likely meant by `typed`, if any is near. */
export function nearest(typed: string, names: Iterable<string>): string | undefined {
  let best: { name: string; slips: number } | undefined;
  const slipsMax = Math.max(1, Math.floor(typed.length * SLIPS_SHARE));
  for (const name of names) {
    const slips = slipsBetween(typed.toLowerCase(), name.toLowerCase());
    if (slips <= slipsMax && slips < (best?.slips ?? Number.POSITIVE_INFINITY)) best = { name, slips };
  }
  return best?.name;
}

/** ` (did you mean "x"?)`, or nothing where nothing is near. */
export function didYouMean(typed: unknown, names: Iterable<string>): string {
  const meant = typeof typed === 'string' ? nearest(typed, names) : undefined;
  return meant === undefined || meant === typed ? '' : ` (did you mean "${meant}"?)`;
}

/** Letters added, left out, changed or swapped with their neighbour (Damerau-Levenshtein, optimal string alignment). */
function slipsBetween(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let slips = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        slips = Math.min(slips, before[j - 2]! + 1);
      }
      next.push(slips);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}
