import { type AlertBody, REMOVED, type Side } from '../../core/contract/messages.js';
import type { Change } from '../../core/detect/change.js';
import type { ContactRule, SensorFaultRule, ThresholdRule, Transition } from '../../core/detect/rules.js';
import type { FaultTransition } from '../../core/detect/sensor-fault.js';
import type { Facts } from '../../core/text/catalog.js';
import { fromMilli, QUANTITIES } from '../../core/units.js';

/** What every alert of one transition shares, before the ring gives it ids and `core/text` its summary. */
type AlertFacts = Omit<AlertBody, 'alert_id' | 'episode_id' | 'summary'> & { lasted_s: number };

/** An alert to be, and what its words need beside it. */
export interface Draft {
  alert: AlertFacts;
  facts: Facts;
}

/** Something that holds or not, and that no reading's value decides: a failing card, a probe that is another one. */
export interface Condition {
  type: AlertBody['alert_type'];
  rule: string;
  /** Absent: the gateway itself. */
  sensor?: string;
  severity: AlertBody['severity'];
  active: boolean;
  /** What within its type, and what its words need. */
  cause?: string;
  facts: Facts;
}

interface Where {
  sensor: string;
  /** Added to a time of the timeline to give wall time. */
  wallOffset: number;
}

const iso = (ms: number) => new Date(ms).toISOString();

export function thresholdAlert(rule: ThresholdRule, t: Transition, where: Where): Draft {
  const unit = QUANTITIES[rule.quantity];
  const kpi = { name: rule.quantity, value: fromMilli(t.milli), threshold: fromMilli(rule.limit), unit };
  const { side } = rule;
  return {
    alert: { ...common(rule, t, where, 'limit', side), alert_type: rule.alert, kpi },
    facts: {},
  };
}

export function changeAlert(change: Change, where: Where): Draft {
  const { rule, kpi, alertType, cause, side, facts } = change;
  return { alert: { ...common(rule, change, where, cause, side), alert_type: alertType, kpi }, facts };
}

export function contactAlert(rule: ContactRule, t: Transition, where: Where): Draft {
  const kpi = { name: 'contact', value: fromMilli(t.milli), threshold: rule.when, unit: '1' };
  return { alert: { ...common(rule, t, where, 'contact'), alert_type: rule.alert, kpi }, facts: {} };
}

export function faultAlert(rule: SensorFaultRule, t: FaultTransition, where: Where): Draft {
  const cause = t.type === 'sensor_fault' ? 'not_believed' : 'silent';
  const kpi = { name: 'readings', value: null, threshold: null, unit: '1' };
  return {
    alert: { ...common(rule, t, where, cause), alert_type: t.type, kpi },
    facts: { reason: t.reason.slice(0, REASON_MAX) },
  };
}

interface Now {
  timestamp: string;
  lasted_s: number;
}

export function conditionAlert(condition: Condition, gateway: string, now: Now): Draft {
  const { type, rule, sensor, severity, active, cause, facts } = condition;
  const alert: AlertFacts = {
    ...now,
    alert_type: type,
    since: now.timestamp,
    kpi: { name: type, value: null, threshold: null, unit: '1' },
    severity,
    state: active ? 'raised' : 'cleared',
    rule,
    ...(cause === undefined ? {} : { cause }),
    sensor: sensor ?? gateway,
  };
  return { alert, facts };
}

export interface Acknowledgement {
  /** Name of the person, or what acknowledged in their place. */
  by: string;
  /** Their id among `people`. */
  person?: string;
  comment?: string;
}

type Progress = { kind: 'escalated' } | ({ kind: 'acknowledged' } & Omit<Acknowledgement, 'person'>);

/** Somebody has it, or further people are told of it: the alert as it stood, under an id of its own. */
export function progressAlert(open: AlertBody, id: string, progress: Progress, now: Now): AlertBody {
  const { kind: state, ...said } = progress;
  return { ...open, ...now, alert_id: id, state, ...said };
}

/** Ends an episode that nothing watches any more: what it was is kept for its words. */
export function removedAlert(open: AlertBody, gone: 'sensor' | 'rule', now: Now): Draft {
  const { alert_type, since, severity, rule, side, sensor, kpi, cause } = open;
  const sided = side === undefined ? {} : { side };
  const alert: AlertFacts = {
    ...{ alert_type, since, severity, rule, sensor, ...sided, ...now },
    kpi: { ...kpi, value: null },
    state: 'cleared',
    cause: REMOVED,
  };
  return { alert, facts: { gone, ...(cause === undefined ? {} : { was: cause }) } };
}

/** What a driver says may be long; the log has all of it. */
const REASON_MAX = 200;

function common(
  rule: { name: string; severity: AlertBody['severity'] },
  t: { kind: 'raised' | 'cleared'; atMs: number; sinceMs: number },
  { sensor, wallOffset }: Where,
  cause: string,
  side?: Side,
) {
  return {
    timestamp: iso(t.atMs + wallOffset),
    since: iso(t.sinceMs + wallOffset),
    lasted_s: Math.max(0, Math.round((t.atMs - t.sinceMs) / 1000)),
    severity: rule.severity,
    state: t.kind,
    rule: rule.name,
    ...(side === undefined ? {} : { side }),
    cause,
    sensor,
  };
}
