import { DAY } from '../../durations.js';
import type { Milli } from '../../units.js';

/**
 * Vaccine vial monitors: the share of a monitor's life that a temperature uses up in a day is k = A·e^(−B/T), T in
 * kelvin. Constants by Goldwood and Diesburg, Vaccine 36 (2018), for the four WHO categories.
 */
const CONSTANTS = {
  2: { a: 1.4422e17, b: 12_429 },
  7: { a: 2.1532e18, b: 13_652 },
  14: { a: 1.0766e18, b: 13_652 },
  30: { a: 5.1131e17, b: 13_657 },
} as const;

/** Category of a vaccine vial monitor: days that it lasts at 37 °C. */
export type VialMonitor = keyof typeof CONSTANTS;
export const VIAL_MONITORS = [2, 7, 14, 30] as const;

/** Share of the life (1 is all of it) that `forMs` at a temperature uses. */
export function vialLifeUsed(monitor: VialMonitor, milli: Milli, forMs: number): number {
  const { a, b } = CONSTANTS[monitor];
  return a * Math.exp(-b / (milli / 1000 + 273.15)) * (forMs / DAY);
}
