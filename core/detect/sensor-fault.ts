import type { TimelineMs } from '../clock/clock.js';
import { confirmed, silence } from './cadence.js';
import type { SensorFaultRule } from './rules.js';

/**
 * Sensor fault: evidence is either good, bad (a value that plausibility refused, a failed read), or nothing at
 * all (a tick). Faults of the probe and silence of the link are told apart, since different people fix them.
 */
export type FaultInput =
  | { kind: 'good'; atMs: TimelineMs }
  | { kind: 'bad'; atMs: TimelineMs; reason: string }
  | { kind: 'tick'; atMs: TimelineMs };

/** Whether a sensor is well, since when (ms on its timeline), and why not. Plain JSON. */
export type FaultState =
  | { phase: 'ok'; lastGoodMs: number; badSinceMs: number | null; reason: string }
  | { phase: 'faulted'; type: FaultType; sinceMs: number; reason: string; goodRun: number };

/** The probe’s fault, or the silence of its link. */
type FaultType = 'sensor_fault' | 'communication_lost';

/** Begin or end of a sensor’s fault, ms on its timeline. */
export interface FaultTransition {
  kind: 'raised' | 'cleared';
  type: FaultType;
  atMs: number;
  sinceMs: number;
  reason: string;
}

/** A sensor starts as if it had just been well: it has `missing_after` to show up. */
export function faultStart(atMs: number): FaultState {
  return { phase: 'ok', lastGoodMs: atMs, badSinceMs: null, reason: '' };
}

/** `cadenceMs`: how often it reports, where that is known; the rule's own times are the least. */
export function stepFault(
  rule: SensorFaultRule,
  state: FaultState,
  input: FaultInput,
  cadenceMs: number | undefined,
): { state: FaultState; transition?: FaultTransition } {
  return state.phase === 'ok' ? stepOk(rule, state, input, cadenceMs) : stepFaulted(rule, state, input);
}

function stepOk(
  rule: SensorFaultRule,
  state: FaultState & { phase: 'ok' },
  input: FaultInput,
  cadenceMs: number | undefined,
) {
  if (input.kind === 'good') {
    return {
      state: { phase: 'ok', lastGoodMs: input.atMs, badSinceMs: null, reason: '' } satisfies FaultState,
    };
  }
  const next =
    input.kind === 'bad'
      ? { ...state, badSinceMs: state.badSinceMs ?? input.atMs, reason: input.reason }
      : state;
  if (next.badSinceMs !== null && input.atMs - next.badSinceMs >= confirmed(rule.fault_after, cadenceMs)) {
    return raise('sensor_fault', next.badSinceMs, next.reason, input.atMs);
  }
  if (input.atMs - next.lastGoodMs >= silence(rule.missing_after, cadenceMs)) {
    return next.badSinceMs === null
      ? raise('communication_lost', next.lastGoodMs, 'silent', input.atMs)
      : raise('sensor_fault', next.badSinceMs, next.reason, input.atMs);
  }
  return { state: next };
}

function stepFaulted(rule: SensorFaultRule, state: FaultState & { phase: 'faulted' }, input: FaultInput) {
  if (input.kind === 'tick') return { state };
  if (input.kind === 'bad') return { state: { ...state, goodRun: 0 } };
  const goodRun = state.goodRun + 1;
  if (goodRun < rule.recover_readings) return { state: { ...state, goodRun } };
  const { type, sinceMs, reason } = state;
  const transition: FaultTransition = { kind: 'cleared', type, atMs: input.atMs, sinceMs, reason };
  return { state: faultStart(input.atMs), transition };
}

function raise(type: FaultType, sinceMs: number, reason: string, atMs: number) {
  const state: FaultState = { phase: 'faulted', type, sinceMs, reason, goodRun: 0 };
  const transition: FaultTransition = { kind: 'raised', type, atMs, sinceMs, reason };
  return { state, transition };
}
