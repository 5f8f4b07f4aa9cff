import type { ResolvedSite } from '../site/resolve.js';
import type { Condition } from './alert.js';

/** `detail`: what the card does, for the technician. */
export function storageCondition(active: boolean, detail?: string): Condition {
  const facts = detail === undefined ? {} : { detail };
  return { type: 'storage', rule: 'storage', severity: 'critical', active, facts };
}

/** Of `ring.full`, for the log and for `doctor`. */
export const RING_FULL =
  'the ring is full: the oldest readings that no relay holds are summed up by quarters of an hour, and named in a gap';

/** What befell the ring's files, and was found out when nothing could be done about it any more. */
export const RING_FILES = {
  'ring-removed': 'its files were removed while the agent ran, and were written anew with all that they held',
  'ring-vanished':
    'it was empty at the start, though this gateway has sent readings before; what was not sent by then is lost',
} as const;

export function filesCondition(rule: keyof typeof RING_FILES, active: boolean): Condition {
  return { type: 'storage', rule, severity: 'warning', active, facts: { detail: RING_FILES[rule] } };
}

/** Readings of another probe still guard the fridge, but somebody must say that this is meant. */
export function identityCondition(
  { sensors }: ResolvedSite,
  sensor: string,
  device: string,
  /** Whose probe it should be, and whose this one was; undefined: it is the right one. */
  other: { expected: string; formerly: string | undefined } | undefined,
): Condition {
  const formerly = sensors.find(({ id }) => id === other?.formerly)?.name;
  return {
    type: 'sensor_fault',
    rule: 'identity',
    sensor,
    severity: 'warning',
    active: other !== undefined,
    cause: 'identity',
    facts: {
      device,
      ...(other ? { expected: other.expected } : {}),
      ...(formerly === undefined ? {} : { formerly }),
    },
  };
}
