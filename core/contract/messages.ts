import { z } from 'zod';
import { epochSchema, idSchema, streamSchema } from '../identity.js';
import { QUALITIES, REASONS } from '../quality.js';
import { QUANTITY_NAMES, type Quantity } from '../units.js';
import { clinic, gateway, numbered, quantity, sensor, timeQuality, unit } from './fields.js';
import { seqSchema } from './range-schema.js';
import { sensorEventSchema } from './sensors.js';
import { epochMs } from './time.js';

/** Names of the topics in Kafka (and of the streams of the embedded log). */
export const TOPICS = {
  temperature: 'iot.temperature',
  status: 'iot.status',
  summary: 'iot.summary',
  sensors: 'iot.sensors',
  alerts: 'alerts',
  audit: 'gateway.audit',
  progress: 'gateway.progress',
} as const;

export const DATA_TOPICS = [
  TOPICS.temperature,
  TOPICS.status,
  TOPICS.summary,
  TOPICS.sensors,
  TOPICS.alerts,
  TOPICS.audit,
] as const;
/** A topic that gateways’ rows go to. */
export type DataTopic = (typeof DATA_TOPICS)[number];

/** Reading, topic `iot.temperature` (temperature, humidity) or `iot.status` (the rest); key `clinic/sensor`. */
export const readingMessageSchema = z.strictObject({
  clinic,
  gateway,
  sensor,
  quantity,
  value: z.number().describe('in that unit, after calibration'),
  unit,
  measured_at: epochMs.describe('when'),
  time_quality: timeQuality,
  quality: z.enum(QUALITIES).describe('bad values are kept, and are in no aggregate'),
  reason: z.enum(REASONS).exclude(['']).optional().describe('why it is not good'),
  ...numbered,
  backfill: z.boolean().describe('sent later than a live reading is, after an outage'),
});
/** A reading as Kafka has it: value in its unit, times in ms since 1970. */
export type ReadingMessage = z.infer<typeof readingMessageSchema>;

/**
 * What is left of readings that a full ring could not keep: at most 15 minutes of one channel. Values in thousandths,
 * times in ms; `bad` readings are counted apart and are in no other number; without a good one there is no value.
 */
export const summarySchema = z.strictObject({
  sensor: idSchema,
  quantity: z.enum(QUANTITY_NAMES),
  since: z.int().min(0),
  until: z.int().min(0),
  estimated: z.boolean(),
  count: z.int().min(0),
  bad: z.int().min(0),
  min: z.int().nullable(),
  max: z.int().nullable(),
  mean: z.int().nullable(),
  /** For how long the value stood outside its limits. */
  outside_ms: z.int().min(0),
});
/** A quarter of an hour of one channel at the most: values in thousandths, times in ms since 1970. */
export type Summary = z.infer<typeof summarySchema>;

/** Summary, topic `iot.summary`, key `clinic/sensor`. */
export const summaryMessageSchema = z.strictObject({
  clinic,
  gateway,
  sensor,
  quantity,
  unit,
  since: epochMs.describe('first of its readings'),
  until: epochMs.describe('last of its readings'),
  time_quality: timeQuality,
  count: z.int().describe('good readings'),
  bad: z.int().describe('bad readings, which are in no other number'),
  min: z.number().nullable().describe('least; null without a good reading'),
  max: z.number().nullable().describe('most; null without a good reading'),
  mean: z.number().nullable().describe('mean; null without a good reading'),
  seconds_outside: z.number().describe('for how long the value stood outside its limits'),
  ...numbered,
});
/** A summary as Kafka has it: values in their unit, times in ms since 1970. */
export type SummaryMessage = z.infer<typeof summaryMessageSchema>;

export const ALERT_TYPES = [
  'excursion',
  'pre_alarm',
  'sensor_fault',
  'communication_lost',
  'mains_lost',
  'door_open',
  'low_battery',
  'clock',
  'calibration',
  'storage',
  'gateway_silent',
  'kpi',
] as const;
/** What class of thing an alert is about. */
export type AlertType = (typeof ALERT_TYPES)[number];

export const SEVERITIES = ['info', 'warning', 'critical'] as const;
/** How bad, from `info` to `critical`. */
export type Severity = (typeof SEVERITIES)[number];
export const severitySchema = z.enum(SEVERITIES);

/** Letters of what is said in words: sentences, comments, details. */
export const WORDS_MAX = 400;

const SIDES = ['above', 'below'] as const;
/** Which side of a limit is outside. */
export type Side = (typeof SIDES)[number];

/** The cause of an alert that ends an episode which nothing watches any more: closed, not resolved. */
export const REMOVED = 'removed';

/** An alert as the agent numbers it; epoch, seq, clinic and gateway are added by the batch that carries it. */
const alertBodySchema = z.strictObject({
  alert_id: z.string().min(1).max(80).describe('of this one message'),
  episode_id: z.string().min(1).max(80).describe('the same from raised to cleared'),
  alert_type: z.enum(ALERT_TYPES).describe('see alerts.md'),
  timestamp: z.iso.datetime().describe('when this happened'),
  kpi: z
    .strictObject({
      name: z.string().max(80).describe('what is judged: a quantity, or a number made of it'),
      value: z.number().nullable().describe('what it was'),
      threshold: z.number().nullable().describe('what it was judged by'),
      unit: z.string().max(8).describe('of both'),
    })
    .describe('the number that the alert is about'),
  severity: severitySchema.describe('how bad'),
  state: z.enum(['raised', 'escalated', 'acknowledged', 'cleared']).describe('where its episode is now'),
  rule: z.string().max(80).describe('name of the rule'),
  since: z.iso.datetime().describe('what the clock said when the episode began; the same in all its alerts'),
  lasted_s: z
    .int()
    .min(0)
    .optional()
    .describe('how long it had lasted, in seconds, by a clock that nobody sets'),
  side: z.enum(SIDES).optional().describe('which side of its limit the rule is about'),
  cause: z
    .string()
    .max(40)
    .optional()
    .describe('what within its type: `heading`, `drift`, `silent`; `removed`: not configured any more'),
  sensor,
  summary: z.string().max(WORDS_MAX).describe('what happened, in one sentence with its numbers'),
  episode: z
    .strictObject({
      worst: z.number().describe('furthest from the limit, °C'),
      seconds_outside: z.int().min(0).describe('in all'),
      degree_minutes: z.number().min(0).describe('beyond the limit, °C times minutes'),
      mkt: z.number().describe('mean kinetic temperature of its time, °C'),
    })
    .optional()
    .describe('what the excursion did so far; in the alert that ends it, all that it did'),
  reading_seq: seqSchema
    .optional()
    .describe('the reading that began it, in the same epoch; absent where none did'),
  by: z.string().max(80).optional().describe('who acknowledged'),
  comment: z.string().max(WORDS_MAX).optional().describe('what they said'),
});
/** An alert as the agent numbers it: times in ISO 8601, `kpi` in the unit that it names. */
export type AlertBody = z.infer<typeof alertBodySchema>;

/** Alert, topic `alerts`, key `clinic/sensor`, of a region `region/region`. */
export const alertMessageSchema = alertBodySchema.extend({
  clinic: clinic
    .optional()
    .describe('where; absent where it is of a region, which records of before have here'),
  region: idSchema.optional().describe('of a region alone: which'),
  gateway,
  ...numbered,
  alerted_at: epochMs.optional().describe('`timestamp` as a number; records of before lack it'),
  began_at: epochMs.optional().describe('`since` as a number; records of before lack it'),
});
/** An alert as Kafka has it: times in ISO 8601, `kpi` in the unit that it names. */
export type AlertMessage = z.infer<typeof alertMessageSchema>;

/** The clinic that something is about, or the region. */
export const placeOf = ({ clinic, region }: { clinic?: string | undefined; region?: string | undefined }) =>
  region ?? clinic ?? '';

/** Of an alert, its times as records have them. */
export const alertTimes = ({ timestamp, since }: Pick<AlertBody, 'timestamp' | 'since'>) => ({
  alerted_at: Date.parse(timestamp),
  began_at: Date.parse(since),
});

export const GAP_REASONS = [
  'thinned',
  'overwritten',
  'power-off',
  'not-sampled',
  'not-kept',
  'corrupt',
  'refused',
] as const;

/** Names readings that will never come, and why; `from` and `to` are seqs where rows had numbers. */
const gapBodySchema = z.strictObject({
  reason: z.enum(GAP_REASONS),
  /** Whose numbers they are, when not this ring's own. */
  epoch: epochSchema.optional(),
  /** Which stream's, when not the readings'. */
  stream: streamSchema.optional(),
  from: seqSchema.optional(),
  to: seqSchema.optional(),
  since: z.iso.datetime(),
  until: z.iso.datetime(),
});

const auditBodySchema = z.strictObject({
  action: z.string().max(80),
  at: z.iso.datetime(),
  detail: z.string().max(WORDS_MAX),
});

/** One row of the `events` stream. */
export const eventSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('alert'), alert: alertBodySchema }),
  z.strictObject({ type: z.literal('gap'), gap: gapBodySchema }),
  z.strictObject({ type: z.literal('audit'), audit: auditBodySchema }),
  sensorEventSchema,
]);
/** One row of the `events` stream. */
export type RingEvent = z.infer<typeof eventSchema>;

export function topicOf(quantity: Quantity): DataTopic {
  return quantity === 'temperature' || quantity === 'humidity' ? TOPICS.temperature : TOPICS.status;
}
