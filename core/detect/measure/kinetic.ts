import type { Milli } from '../../units.js';

/**
 * Mean kinetic temperature (Haynes 1971, USP <1079.2>): T_K = (ΔH/R) / −ln(Σ wᵢ e^(−ΔH/(R·Tᵢ)) / Σ wᵢ), with
 * ΔH = 83.144 kJ/mol and R = 8.3144 J/(mol·K), so ΔH/R = 10 000 K; weights are times.
 */
const DH_OVER_R = 83.144 / 0.0083144;
const ZERO_K = 273.15;

/** Sums that a mean kinetic temperature is made of: plain numbers, so that they can be kept and added up. */
export interface Kinetic {
  /** Σ wᵢ e^(−ΔH/(R·Tᵢ)), scaled so that it stays readable as JSON. */
  sum: number;
  ms: number;
}

export const KINETIC_START: Kinetic = { sum: 0, ms: 0 };
/** e^(−ΔH/(R·T)) is about 1e-15 at room temperature. */
const SCALE = 1e15;

export function addKinetic({ sum, ms }: Kinetic, milli: Milli, forMs: number): Kinetic {
  const rate = Math.exp(-DH_OVER_R / (milli / 1000 + ZERO_K)) * SCALE;
  return { sum: sum + rate * forMs, ms: ms + forMs };
}

/** °C, or undefined while nothing has been added. */
export function meanKinetic({ sum, ms }: Kinetic): number | undefined {
  return ms <= 0 ? undefined : DH_OVER_R / -Math.log(sum / ms / SCALE) - ZERO_K;
}

/** Of samples in °C with the time each stands for (any unit). */
export function meanKineticOf(samples: readonly { celsius: number; weight: number }[]): number | undefined {
  const sums = samples.reduce(
    (k, { celsius, weight }) => addKinetic(k, celsius * 1000, weight),
    KINETIC_START,
  );
  return meanKinetic(sums);
}

/** A window of time in slices, the oldest dropped as time goes on: bounded whatever the cadence. */
export interface KineticWindow {
  slices: { at: number; sum: number; ms: number }[];
}

const SLICES = 240;

export function pushKinetic(
  window: KineticWindow,
  windowMs: number,
  atMs: number,
  milli: Milli,
  forMs: number,
): void {
  const sliceMs = windowMs / SLICES;
  const at = Math.floor(atMs / sliceMs);
  let slice = window.slices.at(-1);
  if (slice?.at !== at) {
    slice = { at, sum: 0, ms: 0 };
    window.slices.push(slice);
    while (window.slices[0]!.at <= at - SLICES) window.slices.shift();
  }
  Object.assign(slice, addKinetic(slice, milli, forMs));
}

export function windowKinetic({ slices }: KineticWindow): Kinetic {
  // With every reading: no object for each of the slices.
  let sum = 0;
  let ms = 0;
  for (const slice of slices) {
    sum += slice.sum;
    ms += slice.ms;
  }
  return { sum, ms };
}
