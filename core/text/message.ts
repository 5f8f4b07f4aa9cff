import type { AlertBody } from '../contract/messages.js';
import type { OpenEpisode } from '../policy/local.js';
import type { Catalog, Language, Measured } from './catalog.js';
import { en } from './en.js';
import { fr } from './fr.js';
import { sw } from './sw.js';

const CATALOGS: Record<Language, Catalog> = { en, fr, sw };

const MEASURED: ReadonlySet<string> = new Set<Measured>(['mkt', 'vvm_used', 'budget_used']);

export function catalogOf(language: Language): Catalog {
  return CATALOGS[language];
}

export interface MessageContext {
  language: Language;
  timezone: string;
  clinicName: string;
  sensorName(sensor: string): string;
}

/** The text of one SMS: what, where, how bad, since when, what to do first, how to acknowledge. */
export function messageText(
  context: MessageContext,
  about: 'alarm' | 'reminder' | 'cleared',
  episodes: readonly OpenEpisode[],
): string {
  const words = catalogOf(context.language);
  const first = episodes[0];
  if (!first) throw new RangeError('messageText: expected at least one episode');
  const parts = [`COLDWATCH ${context.clinicName}:`];
  if (about === 'cleared') {
    const what = `${context.sensorName(first.alert.sensor)} ${condition(context, first.alert)}`;
    return [...parts, words.cleared({ what, at: localTime(first.alert.timestamp, context.timezone) })].join(
      ' ',
    );
  }
  if (about === 'reminder') parts.push(words.reminder);
  for (const episode of episodes.slice(0, 3)) {
    parts.push(`${context.sensorName(episode.alert.sensor)} ${condition(context, episode.alert)}`);
  }
  if (episodes.length > 3) parts.push(words.more(episodes.length - 3));
  parts.push(advice(words, first.alert), words.replyAck(first.code));
  return parts.join(' ');
}

function condition(context: MessageContext, alert: AlertBody): string {
  const words = catalogOf(context.language);
  const since = localTime(alert.since, context.timezone);
  if (alert.alert_type !== 'excursion' && alert.alert_type !== 'pre_alarm') {
    return words.event(alert.alert_type, since);
  }
  const { name, value, threshold, unit } = alert.kpi;
  if (name !== 'temperature') {
    const shown = unit === 'Cel' ? ' C' : unit === '1' ? '' : ` ${unit}`;
    const [used, allowed] = [`${short(value)}${shown}`, `${short(threshold)}${shown}`];
    return words.measure(MEASURED.has(name) ? (name as Measured) : 'other', { used, allowed, since });
  }
  if (alert.alert_type === 'pre_alarm') return words.warning({ value: short(value), since });
  const side = (value ?? 0) >= (threshold ?? 0) ? 'above' : 'below';
  return words.excursion({ value: short(value), limit: short(threshold), side, since });
}

function advice(words: Catalog, alert: AlertBody): string {
  if (alert.alert_type === 'excursion' || alert.alert_type === 'pre_alarm') return words.adviceExcursion;
  return alert.alert_type === 'mains_lost' ? words.adviceMains : words.adviceSensor;
}

const short = (value: number | null) => (value === null ? '?' : String(Math.round(value * 10) / 10));

/** `HH:MM` in the clinic's own zone. */
export function localTime(iso: string, timezone: string): string {
  return new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: timezone }).format(
    new Date(iso),
  );
}
