import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type ReadingMessage, readingMessageSchema, topicOf } from '../../core/contract/messages.js';
import { idSchema, readingTrace } from '../../core/identity.js';
import { at, isBelievable, jsonOf, numeric, readTime, text } from '../../core/payload.js';
import { type Problem, problemsOf } from '../../core/schema.js';
import { fromMilli, MILLI_MAX, QUANTITIES } from '../../core/units.js';
import { headersOf } from '../log/headers.js';
import type { Published } from '../log/port.js';
import { brokerName } from '../log/reserved.js';
import type { MqttSource, MqttTopic } from './schema.js';
import type { Source } from './sources.js';

/** A clock further ahead than this is wrong. */
const AHEAD_MS = 600_000;

export const gatewayOf = ({ name }: Pick<MqttSource, 'name'>) => brokerName(name);
export const sourceName = ({ name }: Pick<MqttSource, 'name'>) => `mqtt/${name}`;
/** What is subscribed to. */
export const filterOf = ({ topic }: Pick<MqttTopic, 'topic'>) => topic.replace(/\{(clinic|sensor)\}/g, '+');

/** One message of a broker, as it is kept when nobody can take it. */
const heardSchema = z.strictObject({ topic: z.string(), payload: z.string(), received_at: z.int() });
export type Heard = z.output<typeof heardSchema>;

/** A broker's messages as a source: also for what is replayed out of dead letters. */
export function mqttSource(config: MqttSource): Source {
  return {
    name: sourceName(config),
    scope: '',
    read: (value) => {
      const heard = heardSchema.safeParse(value);
      return heard.success ? readMessage(config, heard.data) : { problems: problemsOf(heard.error, value) };
    },
  };
}

/** One message → one reading. */
export function readMessage(config: MqttSource, heard: Heard): Published | { problems: Problem[] } {
  const refuse = (path: string, got: string, expected: string) => ({ problems: [{ path, got, expected }] });
  const entry = config.topics.find((one) => namesOf(one, heard.topic));
  const names = entry && namesOf(entry, heard.topic);
  if (!entry || !names)
    return refuse('topic', heard.topic, config.topics.map(({ topic }) => topic).join(' or '));
  for (const name of ['clinic', 'sensor'] as const) {
    if (!idSchema.safeParse(names[name]).success)
      return refuse(name, text(names[name]), 'a-z, 0-9, "-" and "_" in that level of the topic');
  }
  const json = entry.value === undefined ? heard.payload.trim() : jsonOf(heard.payload);
  if (json === undefined) return refuse('(payload)', text(heard.payload), 'JSON');
  const found = entry.value === undefined ? json : at(json, entry.value);
  const value = numeric(found);
  if (value === undefined || Math.abs(value) > fromMilli(MILLI_MAX))
    return refuse(entry.value ?? '(payload)', text(found), `a number of at most ${fromMilli(MILLI_MAX)}`);
  const given = entry.time && at(json, entry.time.path);
  const measured = entry.time ? readTime(given, entry.time.format) : heard.received_at;
  const wrong = measured === undefined || (entry.time && !isBelievable(measured));
  if (wrong || measured > heard.received_at + AHEAD_MS)
    return refuse(entry.time?.path ?? '(time)', text(given), `a time that has been (${entry.time?.format})`);
  return published(config, entry, heard, names, value, measured);
}

function published(
  config: MqttSource,
  { quantity, time }: MqttTopic,
  heard: Heard,
  { clinic, sensor }: Names,
  value: number,
  measured: number,
): Published | { problems: Problem[] } {
  const gateway = gatewayOf(config);
  const epoch = digest(gateway).toString('hex').slice(0, 16);
  // The same message again has the same number, so that whoever counts by numbers counts it once.
  const seq = digest(JSON.stringify([heard.topic, heard.payload, measured])).readUIntBE(0, 6) || 1;
  const message: ReadingMessage = {
    clinic,
    gateway,
    sensor,
    quantity,
    value,
    unit: QUANTITIES[quantity],
    measured_at: measured,
    time_quality: time ? 'synchronised' : 'estimated',
    quality: 'good',
    epoch,
    seq,
    backfill: false,
  };
  const parsed = readingMessageSchema.safeParse(message);
  if (!parsed.success) return { problems: problemsOf(parsed.error, message) };
  return {
    topic: topicOf(quantity),
    key: `${clinic}/${sensor}`,
    value: JSON.stringify(message),
    headers: headersOf({ gateway, epoch, seq, backfill: false }, readingTrace(epoch, seq)),
    timestamp: measured,
    id: `${sourceName(config)}/${seq}`,
  };
}

interface Names {
  clinic: string;
  sensor: string;
}

/** What a topic names, or undefined where it is not of that pattern. */
function namesOf({ topic, clinic, sensor }: MqttTopic, of: string): Names | undefined {
  const levels = of.split('/');
  const pattern = topic.split('/');
  if (levels.length !== pattern.length) return undefined;
  const names: Names = { clinic: clinic ?? '', sensor: sensor ?? '' };
  for (const [i, level] of pattern.entries()) {
    if (level === '{clinic}') names.clinic = levels[i]!;
    else if (level === '{sensor}') names.sensor = levels[i]!;
    else if (level !== '+' && level !== levels[i]) return undefined;
  }
  return names;
}

const digest = (of: string) => createHash('sha256').update(of).digest();
