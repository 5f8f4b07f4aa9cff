import { REMOVED } from '../contract/messages.js';
import type { OpenEpisode, PolicyEffect } from '../policy/local.js';
import type { Language } from './catalog.js';
import { partsOf, plain } from './gsm7.js';
import { catalogOf, describe, type Moment, type Told } from './sentence.js';
import { clockTime } from './times.js';

/** What a text needs to know of its clinic; `timezone` by IANA, times in ms. */
export interface MessageContext {
  language: Language;
  timezone: string;
  clinicName: string;
  sensorName(sensor: string): string;
  /** Wall time, and the time that alarms run on. */
  nowMs(): number;
  timelineMs(): number;
  /** °C that a sensor says now, where it does. */
  current(sensor: string): number | undefined;
  /** °C, the furthest of an open episode so far. */
  worst(episodeId: string): number | undefined;
}

type Message = Omit<PolicyEffect & { kind: 'message' }, 'kind' | 'to'>;

/** What of a sentence is given up, in turn, so that a text may stay one part. */
const DETAILS = [
  { worst: true, clock: true },
  { worst: true, clock: false },
  { worst: false, clock: false },
] as const;
type Detail = (typeof DETAILS)[number];
/** Episodes told one by one in a message of several. */
const TOLD_MAX = 3;
/** What is passed on of the words with which somebody acknowledged. */
const COMMENT_MAX = 40;

/** The text of one SMS: what, where, how bad, since when, what to do first, how to acknowledge. */
export function messageText(context: MessageContext, message: Message): string {
  const texts = DETAILS.map((detail) => plain(compose(context, message, detail)));
  const fewest = Math.min(...texts.map(partsOf));
  return texts.find((text) => partsOf(text) === fewest)!;
}

/** Any text of ours to a person begins with who speaks. */
export function addressed({ clinicName }: Pick<MessageContext, 'clinicName'>, text: string): string {
  return plain(`COLDWATCH ${clinicName}: ${text}`);
}

function compose(context: MessageContext, message: Message, detail: Detail): string {
  const { about, episodes } = message;
  const words = catalogOf(context.language);
  const first = episodes[0];
  if (!first) throw new RangeError('messageText: expected at least one episode');
  if (about === 'cleared') return addressed(context, over(context, first, detail));
  if (about === 'acknowledged') return addressed(context, taken(context, message, first));
  const told = episodes.slice(0, TOLD_MAX).map((episode) => tell(context, episode, detail));
  const parts = told.map(({ sentence }, i) => `${words.of(nameOf(context, episodes[i]!), sentence)}.`);
  // Who has been told of it before, or has had it already, reads that it goes on.
  if (about === 'reminder' || first.ackedBy !== undefined) parts.unshift(words.reminder);
  if (episodes.length > TOLD_MAX) parts.push(words.more(episodes.length - TOLD_MAX));
  parts.push(told[0]!.advice, words.replyAck(first.code));
  return addressed(context, parts.join(' '));
}

function over(context: MessageContext, episode: OpenEpisode, detail: Detail): string {
  const words = catalogOf(context.language);
  const { alert } = episode;
  const name = nameOf(context, episode);
  const { title, sentence, after } = tell(context, episode, detail);
  if (alert.cause === REMOVED) return `${words.removed(episode.name ?? name, title)}.`;
  const at = clockTime(Date.parse(alert.timestamp), context.nowMs(), context.timezone, words.date);
  const what = `${words.over(words.of(name, sentence), at)}.`;
  return after === undefined ? what : `${what} ${after}`;
}

function taken(context: MessageContext, { episodes, by, comment }: Message, first: OpenEpisode): string {
  const words = catalogOf(context.language);
  const { sentence } = tell(context, first, DETAILS[2]);
  const others = episodes.length > 1 ? ` ${words.more(episodes.length - 1)}` : '';
  const what = `${words.of(nameOf(context, first), sentence)}.${others}`;
  return words.taken({ by, what, comment: comment?.slice(0, COMMENT_MAX) });
}

const nameOf = (context: MessageContext, { alert }: OpenEpisode) => context.sensorName(alert.sensor);

/** An open episode as it stands now, or a closed one as its last alert has it. */
export function tell(context: MessageContext, episode: OpenEpisode, detail: Detail): Told {
  const { alert, facts = {} } = episode;
  return describe(context.language, alert, facts, momentOf(context, episode, detail));
}

function momentOf(context: MessageContext, episode: OpenEpisode, detail: Detail): Moment {
  const { alert, episodeId } = episode;
  const nowMs = context.nowMs();
  if (alert.state === 'cleared') {
    const dated = Date.parse(alert.timestamp) - Date.parse(alert.since);
    const lastedMs = alert.lasted_s === undefined ? dated : alert.lasted_s * 1000;
    return { lastedMs, worst: detail.worst ? alert.episode?.worst : undefined, full: false };
  }
  // Measured, not dated: the clock may have been set since it began.
  const lastedMs = Math.max(0, context.timelineMs() - (episode.sinceMs ?? episode.raisedMs));
  const { date } = catalogOf(context.language);
  return {
    lastedMs,
    clock: detail.clock ? clockTime(nowMs - lastedMs, nowMs, context.timezone, date) : undefined,
    now: context.current(alert.sensor),
    worst: detail.worst ? (context.worst(episodeId) ?? alert.episode?.worst) : undefined,
    full: false,
  };
}
