import type { Condition } from './alarm/alarm.js';
import type { ResolvedSite } from './config/resolve.js';
import type { Identity } from './ingest/identity.js';

export function storageCondition(active: boolean, summary: string): Condition {
  return { type: 'storage', rule: 'storage', severity: 'critical', active, summary };
}

/** Readings of another probe still guard the fridge, but somebody must say that this is meant. */
export function identityCondition(
  { sensors }: ResolvedSite,
  sensor: string,
  device: string,
  other: Identity | undefined,
): Condition {
  const nameOf = (id: string) => sensors.find((s) => s.id === id)?.name ?? id;
  const swapped = other?.formerly === undefined ? '' : `, which was the probe of ${nameOf(other.formerly)}`;
  const summary = other
    ? `${nameOf(sensor)} is now measured by probe ${device}${swapped}, not by ${other.expected}: put the probes back, or name the new one in the site file (source.device).`
    : `${nameOf(sensor)} is measured by its own probe ${device} again.`;
  return {
    type: 'sensor_fault',
    rule: 'identity',
    sensor,
    severity: 'warning',
    active: other !== undefined,
    summary,
  };
}
