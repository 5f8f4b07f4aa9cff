import type { AlertBody } from '../../core/contract/messages.js';
import type { Exposure } from '../../core/detect/exposure.js';
import type { Latch } from '../../core/detect/latches.js';
import { DWELL_START, type Rule, type ThresholdState } from '../../core/detect/rules.js';
import { type FaultState, faultStart } from '../../core/detect/sensor-fault.js';
import { own } from '../../core/own.js';
import { POLICY_START, type PolicyState } from '../../core/policy/local.js';

/** Everything that the alarm must not forget. Plain JSON: one value in the ring. */
export interface AlarmState {
  /** Readings up to this seq have been evaluated. */
  throughSeq: number;
  dwell: Record<string, ThresholdState>;
  /** What excursions did so far, by rule. */
  exposures: Record<string, Exposure>;
  faults: Record<string, FaultState>;
  /** Behaviour rules, by sensor and rule. */
  latches: Record<string, Record<string, Latch>>;
  /** The alert that opened each rule's current episode. */
  open: Record<string, AlertBody>;
  policy: PolicyState;
}

export interface AlarmSensor {
  id: string;
  name: string;
  rules: readonly Rule[];
  /** Rules see the middle of the last three temperatures. */
  medianOfThree?: boolean;
  /** What was learned of this place under another date, or none, is forgotten. */
  learnSince?: string | undefined;
}

/** Conditions stand beside rules: of a sensor, or of the gateway itself. */
export const conditionKey = (sensor: string | undefined, rule: string) =>
  sensor === undefined ? `@gateway/${rule}` : `@sensor/${sensor}/${rule}`;

export const ruleKey = (sensor: string, rule: { name: string }) => `${sensor}/${rule.name}`;

/**
 * The stored state, for the sensors and rules that the site has now. What was well starts afresh: a sensor is not
 * blamed for the time that the gateway was off. What was firing still fires.
 */
export function restoreState(stored: unknown, sensors: readonly AlarmSensor[], nowMs: number): AlarmState {
  const old = (stored ?? {}) as Partial<AlarmState>;
  const state: AlarmState = {
    throughSeq: old.throughSeq ?? 0,
    dwell: {},
    exposures: {},
    faults: {},
    latches: {},
    open: {},
    policy: old.policy ?? POLICY_START,
  };
  for (const sensor of sensors) {
    for (const rule of sensor.rules) restoreRule(state, old, ruleKey(sensor.id, rule), rule, nowMs);
  }
  for (const { id } of sensors) {
    const latches = own(old.latches, id);
    if (latches) state.latches[id] = latches;
  }
  for (const [key, alert] of Object.entries(old.open ?? {})) {
    const owned =
      key.startsWith('@sensor/') && sensors.some(({ id }) => key.startsWith(conditionKey(id, '')));
    if (owned || key.startsWith(conditionKey(undefined, ''))) state.open[key] = alert;
  }
  const known = new Set(Object.values(state.open).map((alert) => alert.episode_id));
  state.policy = { ...state.policy, episodes: state.policy.episodes.filter((e) => known.has(e.episodeId)) };
  return state;
}

function restoreRule(
  state: AlarmState,
  old: Partial<AlarmState>,
  key: string,
  rule: Rule,
  nowMs: number,
): void {
  const fault = old.faults?.[key];
  const open = old.open?.[key];
  const exposure = old.exposures?.[key];
  if (rule.kind === 'sensor_fault')
    state.faults[key] = fault?.phase === 'faulted' ? fault : faultStart(nowMs);
  else if (rule.kind === 'threshold' || rule.kind === 'contact')
    state.dwell[key] = old.dwell?.[key] ?? DWELL_START;
  if (open) state.open[key] = open;
  if (exposure) state.exposures[key] = exposure;
}
