import type { AlertBody } from '../../core/contract/messages.js';
import type { Change } from '../../core/detect/change.js';
import type { ContactRule, SensorFaultRule, ThresholdRule, Transition } from '../../core/detect/rules.js';
import type { FaultTransition } from '../../core/detect/sensor-fault.js';
import { fromMilli, QUANTITIES, showMilli } from '../../core/units.js';

/** What every alert of one transition shares, before the ring gives it ids. */
export type AlertFacts = Omit<AlertBody, 'alert_id' | 'episode_id'>;

interface Where {
  sensor: string;
  name: string;
  /** Added to a time of the timeline to give wall time. */
  wallOffset: number;
}

const iso = (ms: number) => new Date(ms).toISOString();

export function thresholdAlert(rule: ThresholdRule, t: Transition, where: Where): AlertFacts {
  const unit = QUANTITIES[rule.quantity];
  const show = (milli: number) => showMilli(milli, unit);
  const lasted = minutes(t.atMs - t.sinceMs);
  return {
    ...common(rule, t, where),
    alert_type: rule.alert,
    kpi: { name: rule.quantity, value: fromMilli(t.milli), threshold: fromMilli(rule.limit), unit },
    summary:
      t.kind === 'raised'
        ? `${where.name} is at ${show(t.milli)}, ${rule.side} ${show(rule.limit)} for ${lasted}.`
        : `${where.name} is back at ${show(t.milli)} after ${lasted}; worst ${show(t.worstMilli)}.`,
  };
}

export function changeAlert(change: Change, where: Where): AlertFacts {
  const { rule, kind, milli, kpi, alertType, text } = change;
  const lasted = minutes(change.atMs - change.sinceMs);
  return {
    ...common(rule, change, where),
    alert_type: alertType,
    kpi,
    summary: (kind === 'raised'
      ? `${where.name}: ${text}.`
      : `${where.name} is as it should be again, at ${showMilli(milli, 'Cel')}, after ${lasted}.`
    ).slice(0, 400),
  };
}

export function contactAlert(rule: ContactRule, t: Transition, where: Where): AlertFacts {
  const what = rule.alert === 'mains_lost' ? 'mains power is out' : 'the door is open';
  const lasted = minutes(t.atMs - t.sinceMs);
  return {
    ...common(rule, t, where),
    alert_type: rule.alert,
    kpi: { name: 'contact', value: fromMilli(t.milli), threshold: rule.when, unit: '1' },
    summary: `${where.name}: ${what}${t.kind === 'raised' ? ` for ${lasted}` : ` no longer, after ${lasted}`}.`,
  };
}

export function faultAlert(rule: SensorFaultRule, t: FaultTransition, where: Where): AlertFacts {
  const what = t.type === 'sensor_fault' ? `gives nothing to believe (${t.reason})` : 'is silent';
  const lasted = minutes(t.atMs - t.sinceMs);
  return {
    ...common(rule, t, where),
    alert_type: t.type,
    kpi: { name: 'readings', value: null, threshold: null, unit: '1' },
    summary: (t.kind === 'raised'
      ? `${where.name} ${what} for ${lasted}.`
      : `${where.name} gives good readings again after ${lasted}.`
    ).slice(0, 400),
  };
}

function common(
  rule: { name: string; severity: AlertBody['severity'] },
  t: { kind: 'raised' | 'cleared'; atMs: number; sinceMs: number },
  { sensor, wallOffset }: Where,
) {
  return {
    timestamp: iso(t.atMs + wallOffset),
    since: iso(t.sinceMs + wallOffset),
    severity: rule.severity,
    state: t.kind,
    rule: rule.name,
    sensor,
  };
}

function minutes(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 360_000) / 10} h`;
}
