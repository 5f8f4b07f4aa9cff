import type { AlertType } from '../contract/messages.js';

/**
 * Everything that a person at the clinic reads in an SMS. Plain words, and within GSM-7 (no "°", no "ê"), so that
 * a text stays one part where it can.
 */
export interface Catalog {
  /** `value` and `limit` come formatted; `since` is the clinic's local time. */
  excursion(p: { value: string; limit: string; side: 'above' | 'below'; since: string }): string;
  /** A warning ahead of any limit. */
  warning(p: { value: string; since: string }): string;
  /** What heat added up to, passed its mark; `used` of `allowed` with their unit. */
  measure(name: Measured, p: { used: string; allowed: string; since: string }): string;
  event(type: Exclude<AlertType, 'excursion' | 'pre_alarm'>, since: string): string;
  cleared(p: { what: string; at: string }): string;
  reminder: string;
  more(count: number): string;
  adviceExcursion: string;
  adviceMains: string;
  adviceSensor: string;
  replyAck(code: string): string;
  acknowledged(codes: string, by: string): string;
  unknownCode(code: string): string;
  nothingOpen: string;
  status(p: { sensors: number; ok: number; open: number }): string;
  help: string;
}

/** Mean kinetic temperature, life of vial monitors, a product's time out of range; anything else that has a number. */
export type Measured = 'mkt' | 'vvm_used' | 'budget_used' | 'other';

export const LANGUAGES = ['en', 'fr', 'sw'] as const;
export type Language = (typeof LANGUAGES)[number];
