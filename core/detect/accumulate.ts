import type { DwellInput, Transition } from './dwell.js';

/**
 * Time outside that adds up within a window, in one piece or in many: "60 minutes in all within 24 hours". Pure:
 * (spec, state, input) → (state, transition).
 */
export interface AccumulateSpec {
  dwellMs: number;
  windowMs: number;
  /** A silence longer than this between two readings counts as neither in nor outside. */
  gapMs: number;
}

/** State of a cumulative rule: times on the sensor’s timeline in ms, values in thousandths. Plain JSON. */
export interface Accumulated {
  phase: 'accumulated';
  /** [from, to) outside, oldest first, none older than the window. */
  spans: [number, number][];
  lastMs: number;
  lastOutside: boolean;
  activeSinceMs: number | null;
  worstMilli: number;
  worstExcess: number;
}

/** More pieces than this in one window are joined at their smallest gaps, which errs towards an alarm. */
const SPANS_MAX = 200;

export function stepAccumulate(
  spec: AccumulateSpec,
  state: Accumulated | undefined,
  input: DwellInput,
): { state: Accumulated; transition?: Transition } {
  if (state && input.atMs <= state.lastMs) return { state };
  const outside = input.zone === 'outside';
  const spans = spansOf(spec, state, input);
  const outsideMs = spans.reduce((sum, [from, to]) => sum + to - from, 0);
  const fresh = !state || (state.activeSinceMs === null && state.spans.length === 0);
  const worse = outside && (fresh || input.excessMilli > state.worstExcess);
  const next: Accumulated = {
    phase: 'accumulated',
    spans,
    lastMs: input.atMs,
    lastOutside: outside,
    activeSinceMs: state?.activeSinceMs ?? null,
    worstMilli: worse ? input.milli : (state?.worstMilli ?? input.milli),
    worstExcess: worse ? input.excessMilli : (state?.worstExcess ?? input.excessMilli),
  };
  const said = { atMs: input.atMs, outsideMs, worstMilli: next.worstMilli, milli: input.milli };
  if (next.activeSinceMs === null && outside && outsideMs >= spec.dwellMs) {
    const sinceMs = spans[0]?.[0] ?? input.atMs;
    return { state: { ...next, activeSinceMs: sinceMs }, transition: { kind: 'raised', sinceMs, ...said } };
  }
  if (next.activeSinceMs !== null && input.zone === 'inside' && outsideMs < spec.dwellMs) {
    const sinceMs = next.activeSinceMs;
    return { state: { ...next, activeSinceMs: null }, transition: { kind: 'cleared', sinceMs, ...said } };
  }
  return { state: next };
}

function spansOf(spec: AccumulateSpec, state: Accumulated | undefined, { atMs }: DwellInput) {
  const spans = (state?.spans ?? []).map(([from, to]): [number, number] => [from, to]);
  if (state?.lastOutside && atMs - state.lastMs <= spec.gapMs) {
    const last = spans.at(-1);
    if (last && last[1] === state.lastMs) last[1] = atMs;
    else spans.push([state.lastMs, atMs]);
  }
  const from = atMs - spec.windowMs;
  while (spans[0] && spans[0][1] <= from) spans.shift();
  if (spans[0] && spans[0][0] < from) spans[0][0] = from;
  if (spans.length > SPANS_MAX) joinNearest(spans);
  return spans;
}

function joinNearest(spans: [number, number][]): void {
  let at = 1;
  for (let i = 2; i < spans.length; i++) {
    if (spans[i]![0] - spans[i - 1]![1] < spans[at]![0] - spans[at - 1]![1]) at = i;
  }
  spans.splice(at - 1, 2, [spans[at - 1]![0], spans[at]![1]]);
}
