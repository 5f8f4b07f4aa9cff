import type { Milli } from '../units.js';
import { addKinetic, KINETIC_START, type Kinetic, meanKinetic } from './measure/kinetic.js';

/** What an excursion did, from the first value outside on: what a report and a decision about the goods need. */
export interface Exposure {
  sinceMs: number;
  lastMs: number;
  lastMilli: Milli;
  lastExcess: Milli;
  outsideMs: number;
  /** Degrees beyond the limit × minutes. */
  degreeMinutes: number;
  worstMilli: Milli;
  worstExcess: Milli;
  kinetic: Kinetic;
}

/**
 * `excess`: beyond the limit when positive. Between two values the temperature is taken to have gone straight; a
 * silence longer than `gapMs` counts for nothing.
 */
export function stepExposure(
  exposure: Exposure | undefined,
  { atMs, milli, excess }: { atMs: number; milli: Milli; excess: Milli },
  gapMs: number,
): Exposure {
  const last = { lastMs: atMs, lastMilli: milli, lastExcess: excess };
  if (!exposure) {
    const nothing = { outsideMs: 0, degreeMinutes: 0, kinetic: KINETIC_START };
    return { sinceMs: atMs, ...last, ...nothing, worstMilli: milli, worstExcess: excess };
  }
  const elapsed = atMs - exposure.lastMs;
  const worse = excess > exposure.worstExcess;
  const worst = worse ? { worstMilli: milli, worstExcess: excess } : {};
  if (elapsed <= 0 || elapsed > gapMs) return { ...exposure, ...last, ...worst };
  const beyond = (Math.max(0, exposure.lastExcess) + Math.max(0, excess)) / 2;
  return {
    ...exposure,
    ...last,
    ...worst,
    outsideMs: exposure.outsideMs + (exposure.lastExcess > 0 ? elapsed : 0),
    degreeMinutes: exposure.degreeMinutes + (beyond / 1000) * (elapsed / 60_000),
    kinetic: addKinetic(exposure.kinetic, (exposure.lastMilli + milli) / 2, elapsed),
  };
}

/** As an alert carries it. */
export function episodeOf({ outsideMs, degreeMinutes, worstMilli, kinetic, lastMilli }: Exposure) {
  const mkt = meanKinetic(kinetic) ?? lastMilli / 1000;
  return {
    worst: worstMilli / 1000,
    seconds_outside: Math.round(outsideMs / 1000),
    degree_minutes: Math.round(degreeMinutes * 100) / 100,
    mkt: Math.round(mkt * 100) / 100,
  };
}
