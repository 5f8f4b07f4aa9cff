import type { AlertType, Severity } from '../contract/messages.js';
import type { Milli } from '../units.js';

/** A rule's word that something began or is over, before it is an alert with a number. */
export interface Change {
  rule: { name: string; severity: Severity };
  alertType: AlertType;
  kind: 'raised' | 'cleared';
  atMs: number;
  sinceMs: number;
  milli: Milli;
  kpi: { name: string; value: number; threshold: number; unit: string };
  /** Why, with its numbers; without the sensor's name. */
  text: string;
}
