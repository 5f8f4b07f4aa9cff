import { CYCLES_MS, TOLERANCE } from './cadence.js';
import type { Rule } from './rules.js';

/** The slowest cadence that a rule can work with; undefined: any. */
function slowestFor(rule: Rule): number | undefined {
  switch (rule.kind) {
    case 'behaviour':
      if (rule.what === 'excursion') return undefined;
      // All of the last fifty minutes.
      return rule.what === 'level' ? 2 * CYCLES_MS : CYCLES_MS;
    case 'trend':
      // Three readings at the least make a rise, or a spike and its drop.
      return rule.over / (rule.what === 'rate' ? 1 : 2);
    case 'anomaly':
      // A z-score wants three values before it; what a forest looks at has slopes of ten minutes.
      if (rule.what === 'zscore') return rule.window / 3;
      return rule.what === 'forest' ? CYCLES_MS : undefined;
    default:
      return undefined;
  }
}

/** Whether a rule sees too little at this cadence to say anything. */
export function sleeps(rule: Rule, cadenceMs: number | undefined): boolean {
  const slowest = slowestFor(rule);
  return slowest !== undefined && cadenceMs !== undefined && cadenceMs > slowest * TOLERANCE;
}
