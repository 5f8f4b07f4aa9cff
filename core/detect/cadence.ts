import { HOUR, MINUTE } from '../durations.js';
/*
 * How often a sensor reports: as its model or the site file says, and as it really arrives. Silence, and time outside
 * that is proved from one reading to the next, are measured against it; rules that need more readings sleep.
 */

/** What has arrived of one sensor: plain JSON, kept with the alarm's state. */
export interface Arrivals {
  /** The last one that counted. */
  lastMs: number | null;
  /** The last times between two of them. */
  gaps: number[];
  /** All of them together, until one cadence is known. */
  observedMs: number;
  /** What they come to; null while too little is known. */
  learnedMs: number | null;
}

export const ARRIVALS_START: Arrivals = { lastMs: null, gaps: [], observedMs: 0, learnedMs: null };

/** What comes together (several values, a retained message, a logger's whole hour) is one arrival. */
const TOGETHER_MS = 5000;
/** A burst is no new cadence: what comes within this share of the known one counts with the one before it. */
const BURST = 0.25;
/** The middle of so many gaps is the cadence; that of the latest few, where it is longer: a logger that was set slower. */
const GAPS_MAX = 16;
const GAPS_LATEST = 5;
/** A gap longer than this is an outage and teaches nothing. */
const LEARNED_MAX_MS = 2 * HOUR;
/** Where nothing declares a cadence: so many gaps and so long, before one is believed. */
const GAPS_MIN = 3;
const OBSERVED_MIN_MS = 30 * MINUTE;
/** The slowest reporter that is sold for fridges; until its own cadence is known, an undeclared one may be such. */
const SLOWEST_MS = HOUR;
/** Two reports in a row that are missing are a silence, one is bad luck on the air. */
const MISSED = 2.5;
/** A failure that the next report does not take back is a fault. */
const CONFIRMED = 1.5;

/** Changes `arrivals`: something to be believed has come in. */
export function heard(arrivals: Arrivals, atMs: number): void {
  const { lastMs, gaps, learnedMs } = arrivals;
  if (lastMs === null) {
    arrivals.lastMs = atMs;
    return;
  }
  const gap = atMs - lastMs;
  if (gap < Math.max(TOGETHER_MS, BURST * (learnedMs ?? 0))) return;
  arrivals.lastMs = atMs;
  if (gap > LEARNED_MAX_MS) return;
  gaps.push(gap);
  if (learnedMs === null) arrivals.observedMs += gap;
  if (gaps.length > GAPS_MAX) gaps.shift();
  if (gaps.length < GAPS_MIN) return;
  if (arrivals.observedMs < OBSERVED_MIN_MS) return;
  arrivals.learnedMs = Math.max(
    middle(gaps),
    gaps.length < GAPS_LATEST ? 0 : middle(gaps.slice(-GAPS_LATEST)),
  );
}

/** After a restart nobody knows what came in between. */
export const resumed = (arrivals: Arrivals): Arrivals => ({ ...arrivals, lastMs: null });

/** The slower of what is declared and what arrives; undefined while neither is known. */
export function cadenceOf(
  declaredMs: number | undefined,
  arrivals: Arrivals | undefined,
): number | undefined {
  const learned = arrivals?.learnedMs ?? undefined;
  if (declaredMs === undefined || learned === undefined) return declaredMs ?? learned;
  return Math.max(declaredMs, learned);
}

/** How long may nothing come before that is a silence: at least what the rule says, and two reports. */
export const silence = (atLeastMs: number, cadenceMs: number | undefined): number =>
  Math.max(atLeastMs, MISSED * (cadenceMs ?? SLOWEST_MS));

/** How far apart two readings may be and still prove what was between them. */
export const proof = (gapMs: number, cadenceMs: number | undefined): number =>
  Math.max(gapMs, MISSED * (cadenceMs ?? 0));

/** How long only failures may come before that is a fault. */
export const confirmed = (atLeastMs: number, cadenceMs: number | undefined): number =>
  Math.max(atLeastMs, CONFIRMED * (cadenceMs ?? 0));

/** A logger's clock, and a bus that is busy, are a little slow. */
export const TOLERANCE = 1.25;
/** Compressor cycles of half an hour, slopes of ten minutes, a probe that freezes: none is seen by less. */
export const CYCLES_MS = 5 * MINUTE;

/** The middle one of three readings is old news where they are further apart than this. */
export const smoothed = (cadenceMs: number | undefined): boolean =>
  cadenceMs === undefined || cadenceMs <= CYCLES_MS * TOLERANCE;

function middle(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
