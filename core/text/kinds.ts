import type { AlertBody, Side } from '../contract/messages.js';
import { own } from '../own.js';

/** What an alert is about, as far as people are told other things, or advised to do other things. */
export const KINDS = [
  'too_warm',
  'too_cold',
  'freezing',
  'freezer_warm',
  'freezer_cold',
  'room_warm',
  'room_cold',
  'out_of_limits',
  'heading_warm',
  'heading_cold',
  'above_usual',
  'below_usual',
  'compressor',
  'moving',
  'unusual',
  'mkt',
  'vials',
  'budget',
  'probe_faulty',
  'probe_frozen',
  'probe_jumps',
  'probe_swapped',
  'silent',
  'not_started',
  'mains_out',
  'door_open',
  'low_battery',
  'clock',
  'calibration',
  'storage',
  'refused',
  'gateway_silent',
  'other',
] as const;
/** What an alert is about, as far as people are told other things. */
export type Kind = (typeof KINDS)[number];

/** What of an alert says its kind; `kpi` in the unit that it names. */
export type About = Pick<AlertBody, 'alert_type' | 'kpi' | 'side' | 'cause'>;

/** Limits at or below this belong to a freezer, from there to ROOM to a refrigerator, the others to a room. °C. */
const FREEZER = -10;
const ROOM_WARM = 15;
const ROOM_COLD = 10;
/** At a limit like this water, and vaccine, begins to freeze. °C. */
const FREEZING = 0;

export function kindOf(alert: About): Kind {
  switch (alert.alert_type) {
    case 'excursion':
    case 'pre_alarm':
      return measured(alert);
    case 'sensor_fault':
      return own(FAULTS, alert.cause ?? '') ?? 'probe_faulty';
    case 'communication_lost':
      return alert.cause === 'start' ? 'not_started' : 'silent';
    case 'mains_lost':
      return 'mains_out';
    case 'storage':
      return alert.cause === 'refused' ? 'refused' : 'storage';
    case 'kpi':
      return 'other';
    default:
      return alert.alert_type;
  }
}

const FAULTS: Record<string, Kind> = {
  frozen: 'probe_frozen',
  erratic: 'probe_jumps',
  identity: 'probe_swapped',
  refused: 'refused',
};

const MEASURES: Record<string, Kind> = {
  mkt: 'mkt',
  vvm_used: 'vials',
  budget_used: 'budget',
  rate: 'moving',
  rising: 'moving',
  spike_then_drop: 'moving',
  z: 'unusual',
  beyond_extreme: 'unusual',
  forest_score: 'unusual',
};

function measured(alert: About): Kind {
  const { kpi, cause } = alert;
  if (kpi.name !== 'temperature') return own(MEASURES, kpi.name) ?? 'out_of_limits';
  const warm = sideOf(alert) === 'above';
  if (cause === 'heading') return warm ? 'heading_warm' : 'heading_cold';
  if (cause === 'level') return warm ? 'above_usual' : 'below_usual';
  if (cause === 'drift') return 'compressor';
  const limit = kpi.threshold ?? 0;
  if (limit <= FREEZER) return warm ? 'freezer_warm' : 'freezer_cold';
  if (warm) return limit >= ROOM_WARM ? 'room_warm' : 'too_warm';
  if (limit >= ROOM_COLD) return 'room_cold';
  return limit <= FREEZING ? 'freezing' : 'too_cold';
}

/** An alert of an earlier version does not name its rule's side: then the value that raised it tells. */
export function sideOf({ side, kpi }: Pick<About, 'side' | 'kpi'>): Side {
  return side ?? ((kpi.value ?? 0) >= (kpi.threshold ?? 0) ? 'above' : 'below');
}
