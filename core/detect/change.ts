import type { AlertType, Severity, Side } from '../contract/messages.js';
import type { Facts } from '../text/catalog.js';
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
  side?: Side;
  /** What within the alert's type, and the numbers that its words need. */
  cause: string;
  facts: Facts;
}
