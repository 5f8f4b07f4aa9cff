import { type AlertBody, REMOVED, WORDS_MAX } from '../contract/messages.js';
import type { Catalog, Facts, Language, Said } from './catalog.js';
import { en } from './en.js';
import { fr } from './fr.js';
import { type About, type Kind, kindOf, sideOf } from './kinds.js';
import { sw } from './sw.js';
import { showDuration } from './times.js';

const CATALOGS: Record<Language, Catalog> = { en, fr, sw };

export function catalogOf(language: Language): Catalog {
  return CATALOGS[language];
}

/** What is known of an alert when it is told, beside what it says of itself. */
export interface Moment {
  lastedMs: number;
  /** Local time when it began; absent where no clock is to be shown. */
  clock?: string | undefined;
  /** °C at this moment, where that is later than the alert's own. */
  now?: number | undefined;
  /** °C, of all that it did so far. */
  worst?: number | undefined;
  /** For the record: every detail, "°C". */
  full: boolean;
}

/** An alert in words of one language, with its numbers and units. */
export interface Told {
  kind: Kind;
  title: string;
  sentence: string;
  advice: string;
  /** What to do with the goods once it is over. */
  after: string | undefined;
}

/** The one place where an alert becomes words. */
export function describe(
  language: Language,
  alert: About & Pick<AlertBody, 'state'>,
  facts: Facts,
  moment: Moment,
): Told {
  const words = catalogOf(language);
  const was = typeof facts.was === 'string' ? facts.was : undefined;
  const kind = kindOf(alert.cause === REMOVED ? { ...alert, cause: was } : alert);
  const { title, raised, cleared, advice, after } = words.kinds[kind];
  const said = saidOf(words, alert, facts, moment);
  return { kind, title, sentence: alert.state === 'cleared' ? cleared(said) : raised(said), advice, after };
}

function saidOf(
  words: Catalog,
  alert: About & Pick<AlertBody, 'state'>,
  facts: Facts,
  { lastedMs, clock, now, worst, full }: Moment,
): Said {
  const { kpi } = alert;
  const unit = unitOf(kpi.unit, full);
  const show = (value: number | null) => (value === null ? '?' : `${digits(words, value, full)}${unit}`);
  const degrees = (celsius: number) => `${digits(words, celsius, full)}${unitOf('Cel', full)}`;
  const isTemperature = kpi.name === 'temperature';
  const value = isTemperature && alert.state !== 'cleared' && now !== undefined ? now : kpi.value;
  const limit = show(kpi.threshold);
  // "8 C, above 8 C" would be nonsense to who reads it: then it is 8.04.
  const exact = value !== null && show(value) === limit && value !== kpi.threshold;
  const shown = exact ? `${digits(words, value, true)}${unit}` : show(value);
  const lasted = showDuration(lastedMs, words.units);
  const measured = alert.state === 'cleared' && isTemperature ? kpi.value : facts.now;
  const latest = typeof measured === 'number' ? (isTemperature ? measured : measured / 1000) : now;
  const furthest = worst === undefined ? undefined : degrees(worst);
  return {
    value: shown,
    limit,
    side: sideOf(alert),
    since: words.since(lasted, clock),
    lasted,
    worst: furthest === shown ? undefined : furthest,
    now: latest === undefined ? undefined : degrees(latest),
    full,
    facts,
    celsius: (milli) => degrees(milli / 1000),
    number: (n) => digits(words, n, full),
  };
}

function unitOf(unit: string, full: boolean): string {
  if (unit === 'Cel') return full ? ' °C' : ' C';
  if (unit === '%RH') return full ? ' % RH' : ' %';
  return unit === '1' ? '' : ` ${unit}`;
}

function digits({ decimal }: Pick<Catalog, 'decimal'>, value: number, full: boolean): string {
  const scale = full ? 100 : 10;
  return String(Math.round(value * scale) / scale).replace('.', decimal);
}

/** An alert's `summary`: one English sentence with its numbers, since those who read the log may be anywhere. */
export function summaryOf(
  name: string,
  alert: About & Pick<AlertBody, 'state' | 'episode'>,
  facts: Facts,
  lastedMs: number,
): string {
  const moment: Moment = { lastedMs, worst: alert.episode?.worst, full: true };
  const { title, sentence } = describe('en', alert, facts, moment);
  if (alert.cause === REMOVED) {
    const why = facts.gone === 'rule' ? 'its rule' : 'the sensor';
    return `${name} is not watched any more, ${why} is not in the site file: closed, not resolved (${title}).`.slice(
      0,
      WORDS_MAX,
    );
  }
  return `${name}: ${sentence}.`.slice(0, WORDS_MAX);
}

/** As the message's schema has it. */
