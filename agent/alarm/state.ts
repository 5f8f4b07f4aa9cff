import type { AlertBody } from '../../core/contract/messages.js';
import { ARRIVALS_START, type Arrivals, resumed } from '../../core/detect/cadence.js';
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
  /** When each sensor has reported, for how often it does. */
  arrivals: Record<string, Arrivals>;
  /** What sensors were called: one that is gone from the site file is still spoken of once. */
  names: Record<string, string>;
  policy: PolicyState;
}

export interface AlarmSensor {
  id: string;
  name: string;
  rules: readonly Rule[];
  /** How often it reports, by the site file or its model; absent: it is learned. */
  everyMs?: number | undefined;
  /** Rules see the middle of the last three temperatures. */
  medianOfThree?: boolean;
  /** What was learned of this place under another date, or none, is forgotten. */
  learnSince?: string | undefined;
}

/** Conditions stand beside rules: of a sensor, or of the gateway itself. */
export const conditionKey = (sensor: string | undefined, rule: string) =>
  sensor === undefined ? `@gateway/${rule}` : `@sensor/${sensor}/${rule}`;

export const ruleKey = (sensor: string, rule: { name: string }) => `${sensor}/${rule.name}`;

/** An open alert that nothing watches any more: its sensor, or only its rule, is gone from the site file. */
export interface Orphan {
  key: string;
  alert: AlertBody;
  gone: 'sensor' | 'rule';
}

/**
 * The stored state, for the sensors and rules that the site has now. What was well starts afresh: a sensor is not
 * blamed for the time that the gateway was off. What was firing still fires; what nothing watches any more is still open
 * in it, and named, so that it is closed with its reason.
 */
export function restoreState(
  stored: unknown,
  sensors: readonly AlarmSensor[],
  nowMs: number,
): { state: AlarmState; orphans: Orphan[] } {
  const old = (stored ?? {}) as Partial<AlarmState>;
  const state: AlarmState = {
    throughSeq: old.throughSeq ?? 0,
    dwell: {},
    exposures: {},
    faults: {},
    latches: {},
    open: {},
    arrivals: {},
    names: { ...old.names, ...Object.fromEntries(sensors.map(({ id, name }) => [id, name])) },
    policy: old.policy ?? POLICY_START,
  };
  for (const sensor of sensors) {
    for (const rule of sensor.rules) restoreRule(state, old, ruleKey(sensor.id, rule), rule, nowMs);
  }
  for (const { id } of sensors) {
    const latches = own(old.latches, id);
    if (latches) state.latches[id] = latches;
    state.arrivals[id] = resumed(own(old.arrivals, id) ?? structuredClone(ARRIVALS_START));
  }
  for (const [key, alert] of Object.entries(old.open ?? {})) {
    const owned =
      key.startsWith('@sensor/') && sensors.some(({ id }) => key.startsWith(conditionKey(id, '')));
    if (owned || key.startsWith(conditionKey(undefined, ''))) state.open[key] = alert;
  }
  const orphans = orphansOf(old.open ?? {}, state, sensors);
  for (const { key, alert } of orphans) state.open[key] = alert;
  const spokenOf = new Set([...sensors.map(({ id }) => id), ...orphans.map(({ alert }) => alert.sensor)]);
  state.names = Object.fromEntries(Object.entries(state.names).filter(([id]) => spokenOf.has(id)));
  const known = new Set(Object.values(state.open).map((alert) => alert.episode_id));
  state.policy = { ...state.policy, episodes: state.policy.episodes.filter((e) => known.has(e.episodeId)) };
  return { state, orphans };
}

function orphansOf(
  before: Record<string, AlertBody>,
  { open }: AlarmState,
  sensors: readonly AlarmSensor[],
): Orphan[] {
  const ids = new Set(sensors.map(({ id }) => id));
  return Object.entries(before)
    .filter(([key]) => !open[key])
    .map(([key, alert]) => ({ key, alert, gone: ids.has(alert.sensor) ? 'rule' : 'sensor' }));
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
