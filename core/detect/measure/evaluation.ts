import type { Facts } from '../../text/catalog.js';
import type { Milli } from '../../units.js';

/** One temperature: thousandths of a °C, ms. */
export interface Sample {
  atMs: number;
  milli: Milli;
  /** Time of day when it was measured: `atMs` may be on a clock of its own. */
  wallMs: number;
}

/** What a measure rule found: the measure, whether it is beyond what is allowed, whether that is over, and what its words need. */
export interface Evaluation {
  raise: boolean;
  over: boolean;
  kpi: { name: string; value: number; threshold: number; unit: string };
  /** The numbers that say why. */
  facts: Facts;
}
