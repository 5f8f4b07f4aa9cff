import type { Side } from '../contract/messages.js';
import type { Kind } from './kinds.js';
import type { TimeUnits } from './times.js';

/** What a sentence may need beside the alert's own fields; plain JSON. */
export type Facts = Readonly<Record<string, number | string | null>>;

/** An alert's numbers as this language shows them, with their units. */
export interface Said {
  value: string;
  limit: string;
  side: Side;
  /** "since 05:47 (25 min)", or "for 25 min" where no clock is shown. */
  since: string;
  lasted: string;
  /** Left out where it says nothing new, or where room is short. */
  worst: string | undefined;
  /** The temperature at this moment, where it is known. */
  now: string | undefined;
  /** For the record, with every detail; else for an SMS. */
  full: boolean;
  facts: Facts;
  /** Thousandths of a degree, as the other values are shown. */
  celsius(milli: number): string;
  number(value: number): string;
}

/** All that is told of one kind of alert. */
export interface Words {
  title: string;
  raised(said: Said): string;
  cleared(said: Said): string;
  /** What to do first. */
  advice: string;
  /** What to do with the goods once it is over. */
  after?: string;
}

/**
 * Everything that a person at the clinic reads. Plain words, and within GSM-7 (no "ê", no "ç"; degrees are written "C"
 * in a text), so that a text stays one part where it can.
 */
export interface Catalog {
  kinds: Record<Kind, Words>;
  units: TimeUnits;
  /** Between the whole and the tenths. */
  decimal: '.' | ',';
  date(day: number, month: number): string;
  /** `clock` is the local time when it began. */
  since(lasted: string, clock: string | undefined): string;
  /** A sensor's name before what is said of it. */
  of(name: string, sentence: string): string;
  over(what: string, at: string): string;
  removed(name: string, title: string): string;
  reminder: string;
  more(count: number): string;
  replyAck(code: string): string;
  /** To those who were told: somebody sees to it. Without a name it was the button at the gateway. */
  taken(p: { by: string | undefined; what: string; comment: string | undefined }): string;
  acknowledged(codes: string, by: string): string;
  unknownCode(code: string): string;
  help: string;
  status: {
    noAlarm: string;
    alarms(count: number): string;
    /** After an alarm that somebody has acknowledged; without a name it was the button at the gateway. */
    hasIt(by: string | null): string;
    /** Sensors that have said nothing since the start. */
    unheard: string;
    more(count: number): string;
  };
  test: string;
}

export const LANGUAGES = ['en', 'fr', 'sw'] as const;
/** A language of texts, by ISO 639-1. */
export type Language = (typeof LANGUAGES)[number];
