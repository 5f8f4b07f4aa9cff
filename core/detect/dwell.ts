/**
 * Dwell with hysteresis: the machine under every rule of the form "outside for at least so long".
 * Pure: (state, input) → (state, transition). Times are milliseconds on a timeline that never goes back.
 */
export interface DwellSpec {
  /** Time outside that raises. 0 raises on the first reading outside. */
  dwellMs: number;
  /** A silence longer than this between two readings counts as neither in nor outside. */
  gapMs: number;
  /** What ends time that is accruing: the first reading in range, or one beyond the hysteresis margin. */
  resetOn: 'first_in_range' | 'hysteresis';
}

/** Where a reading stands: beyond the limit, back in range but within the margin, or clear of it. */
export type Zone = 'outside' | 'margin' | 'inside';

/** One reading as a rule with a limit sees it: ms on the sensor’s timeline, value in thousandths. */
export interface DwellInput {
  atMs: number;
  zone: Zone;
  /** Distance beyond the limit, in milli-units; the greatest is kept as the episode's worst. */
  excessMilli: number;
  milli: number;
}

interface Accruing {
  sinceMs: number;
  outsideMs: number;
  lastMs: number;
  lastOutside: boolean;
  worstMilli: number;
  worstExcess: number;
}

/**
 * State of a rule with a limit and a time: ms on the sensor’s timeline, values in thousandths. Plain JSON.
 */
export type DwellState =
  | { phase: 'inside' }
  | ({ phase: 'pending' } & Accruing)
  | ({ phase: 'active'; raisedMs: number } & Accruing);

/** An episode’s begin or end: ms on the sensor’s timeline, values in thousandths. */
export interface Transition {
  kind: 'raised' | 'cleared';
  atMs: number;
  /** When the time outside that led here began. */
  sinceMs: number;
  outsideMs: number;
  worstMilli: number;
  milli: number;
}

export const DWELL_START: DwellState = { phase: 'inside' };

export function stepDwell(
  spec: DwellSpec,
  state: DwellState,
  input: DwellInput,
): { state: DwellState; transition?: Transition } {
  if (state.phase === 'inside') {
    if (input.zone !== 'outside') return { state };
    return raiseWhenDue(spec, begin(input), input);
  }
  if (input.atMs < state.lastMs) return { state };
  if (input.zone === 'inside') return leave(state, input);
  if (input.zone === 'margin' && state.phase === 'pending' && spec.resetOn === 'first_in_range') {
    return { state: DWELL_START };
  }
  const next = accrue(spec, state, input);
  return next.phase === 'pending' ? raiseWhenDue(spec, next, input) : { state: next };
}

function begin(input: DwellInput): DwellState & { phase: 'pending' } {
  return {
    phase: 'pending',
    sinceMs: input.atMs,
    outsideMs: 0,
    lastMs: input.atMs,
    lastOutside: true,
    worstMilli: input.milli,
    worstExcess: input.excessMilli,
  };
}

function accrue<S extends DwellState & Accruing>(spec: DwellSpec, state: S, input: DwellInput): S {
  const elapsed = input.atMs - state.lastMs;
  const counts = state.lastOutside && elapsed <= spec.gapMs;
  const worse = input.zone === 'outside' && input.excessMilli > state.worstExcess;
  return {
    ...state,
    outsideMs: state.outsideMs + (counts ? elapsed : 0),
    lastMs: input.atMs,
    lastOutside: input.zone === 'outside',
    worstMilli: worse ? input.milli : state.worstMilli,
    worstExcess: worse ? input.excessMilli : state.worstExcess,
  };
}

function raiseWhenDue(
  spec: DwellSpec,
  state: DwellState & { phase: 'pending' },
  input: DwellInput,
): { state: DwellState; transition?: Transition } {
  if (input.zone !== 'outside' || state.outsideMs < spec.dwellMs) return { state };
  return {
    state: { ...state, phase: 'active', raisedMs: input.atMs },
    transition: transition('raised', state, input),
  };
}

function leave(
  state: DwellState & Accruing,
  input: DwellInput,
): { state: DwellState; transition?: Transition } {
  if (state.phase === 'pending') return { state: DWELL_START };
  return { state: DWELL_START, transition: transition('cleared', state, input) };
}

function transition(kind: Transition['kind'], state: Accruing, input: DwellInput): Transition {
  return {
    kind,
    atMs: input.atMs,
    sinceMs: state.sinceMs,
    outsideMs: state.outsideMs,
    worstMilli: state.worstMilli,
    milli: input.milli,
  };
}
