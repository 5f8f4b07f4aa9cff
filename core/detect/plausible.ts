import { MINUTE } from '../durations.js';
import type { Reason } from '../quality.js';
import type { Milli } from '../units.js';

/**
 * Whether a value can follow the ones before it. Pure: (spec, state, sample) → (state, verdict), one state a channel.
 */
export interface PlausibleSpec {
  /** Thousandths a minute that this place can change; Infinity: anything. */
  maxPerMinute: number;
  /** The very same value for so long is a frozen probe, not a steady fridge; Infinity: never. */
  stuckMs: number;
}

/** The last value that was believed, in thousandths, and its times in ms. Plain JSON. */
export interface PlausibleState {
  milli: Milli;
  atMs: number;
  /** Since when the value has been exactly this. */
  sameSinceMs: number;
  /** A value that came too fast: it counts once the next one bears it out. */
  held: { milli: Milli; atMs: number } | null;
}

/** A jump is measured against a minute at least: sensors that report on change send two values in a second. */
function within(spec: PlausibleSpec, a: Milli, b: Milli, elapsedMs: number): boolean {
  return Math.abs(a - b) <= spec.maxPerMinute * Math.max(1, elapsedMs / MINUTE);
}

export function stepPlausible(
  spec: PlausibleSpec,
  state: PlausibleState | undefined,
  { atMs, milli }: { atMs: number; milli: Milli },
): { state: PlausibleState; verdict?: Extract<Reason, 'too_fast' | 'stuck'> } {
  if (!state || atMs < state.atMs) return { state: { milli, atMs, sameSinceMs: atMs, held: null } };
  const { held } = state;
  const follows = within(spec, milli, state.milli, atMs - state.atMs);
  // A real step (the probe was moved) lasts: the second value at the new level is believed.
  const borneOut = held !== null && within(spec, milli, held.milli, atMs - held.atMs);
  if (!follows && !borneOut) return { state: { ...state, held: { milli, atMs } }, verdict: 'too_fast' };
  const sameSinceMs = milli === state.milli ? state.sameSinceMs : atMs;
  const next: PlausibleState = { milli, atMs, sameSinceMs, held: null };
  return atMs - sameSinceMs >= spec.stuckMs ? { state: next, verdict: 'stuck' } : { state: next };
}

/** The middle one: a single wild value never passes. */
export function medianOfThree(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
