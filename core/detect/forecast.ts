import { MINUTE } from '../durations.js';
import type { Milli } from '../units.js';
import type { Track } from './track.js';

const STEP_MS = 20 * MINUTE;
/** What a fit to forty minutes can be wrong by; and by how much a straight line is, where no fit is to be had. */
const FIT_SLACK = 1.3;
const LINE_SLACK = 1.6;

/** When a temperature reaches a limit, in minutes from now; `latest` is infinite when it may level off before. */
export interface Forecast {
  earliest: number;
  latest: number;
}

/**
 * Newton's law of cooling: the rate falls as the difference to the surroundings does, rate₂ / rate₁ = e^(−Δt/τ), so two
 * rates give τ and where it all ends. The straight line is the earliest that it can be. Undefined when it is not on its
 * way there.
 */
export function forecast(track: Track, limit: Milli, side: 'above' | 'below'): Forecast | undefined {
  const now = track.last;
  const sign = side === 'above' ? 1 : -1;
  const rate = sign * (track.slope(STEP_MS) ?? 0);
  if (!now || rate <= 0) return undefined;
  const left = sign * (limit - now.milli);
  if (left <= 0) return { earliest: 0, latest: 0 };
  const earliest = left / rate;
  const before = sign * (track.slopeBetween(2 * STEP_MS, STEP_MS) ?? 0);
  if (before <= rate) return { earliest, latest: earliest * LINE_SLACK };
  const tau = STEP_MS / MINUTE / Math.log(before / rate);
  // The slope is that of ten minutes ago, the middle of its window.
  const rateNow = rate * Math.exp(-STEP_MS / MINUTE / 2 / tau);
  const wholeWay = rateNow * tau;
  const latest =
    wholeWay > left ? -tau * Math.log(1 - left / wholeWay) * FIT_SLACK : Number.POSITIVE_INFINITY;
  return { earliest, latest: Math.max(latest, earliest) };
}
