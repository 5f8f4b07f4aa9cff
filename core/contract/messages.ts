import { z } from 'zod';
import { epochSchema, idSchema, streamSchema } from '../identity.js';
import { QUALITIES, REASONS } from '../quality.js';
import { QUANTITY_NAMES, type Quantity, UNITS } from '../units.js';
import { seqSchema } from './range-schema.js';
import { sensorEventSchema } from './sensors.js';

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
export type DataTopic = (typeof DATA_TOPICS)[number];

/** Reading, topic `iot.temperature` (temperature, humidity) or `iot.status` (the rest); key `clinic/sensor`. */
export const readingMessageSchema = z.strictObject({
  clinic: idSchema,
  gateway: idSchema,
  sensor: idSchema,
  quantity: z.enum(QUANTITY_NAMES),
  value: z.number(),
  unit: z.enum(UNITS),
  measured_at: z.int(),
  time_quality: z.enum(['synchronised', 'estimated']),
  quality: z.enum(QUALITIES),
  reason: z.enum(REASONS).exclude(['']).optional(),
  epoch: epochSchema,
  seq: seqSchema,
  backfill: z.boolean(),
});
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
export type Summary = z.infer<typeof summarySchema>;

/** Summary, topic `iot.summary`, key `clinic/sensor`. */
export const summaryMessageSchema = z.strictObject({
  clinic: idSchema,
  gateway: idSchema,
  sensor: idSchema,
  quantity: z.enum(QUANTITY_NAMES),
  unit: z.enum(UNITS),
  since: z.int(),
  until: z.int(),
  time_quality: z.enum(['synchronised', 'estimated']),
  count: z.int(),
  bad: z.int(),
  min: z.number().nullable(),
  max: z.number().nullable(),
  mean: z.number().nullable(),
  seconds_outside: z.number(),
  epoch: epochSchema,
  seq: seqSchema,
});
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
export type AlertType = (typeof ALERT_TYPES)[number];

export const SEVERITIES = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

const SIDES = ['above', 'below'] as const;
export type Side = (typeof SIDES)[number];

/** The cause of an alert that ends an episode which nothing watches any more: closed, not resolved. */
export const REMOVED = 'removed';

/** An alert as the agent numbers it; epoch, seq, clinic and gateway are added by the batch that carries it. */
export const alertBodySchema = z.strictObject({
  alert_id: z.string().min(1).max(80),
  episode_id: z.string().min(1).max(80),
  alert_type: z.enum(ALERT_TYPES),
  timestamp: z.iso.datetime(),
  kpi: z.strictObject({
    name: z.string().max(80),
    value: z.number().nullable(),
    threshold: z.number().nullable(),
    unit: z.string().max(8),
  }),
  severity: z.enum(SEVERITIES),
  state: z.enum(['raised', 'escalated', 'acknowledged', 'cleared']),
  rule: z.string().max(80),
  /** What the clock said when the episode began, the same in all its alerts: setting the clock moves it no more. */
  since: z.iso.datetime(),
  /** How long it had lasted at this alert, in seconds, measured by a clock that nobody sets. */
  lasted_s: z.int().min(0).optional(),
  /** Which side of its limit the rule is about, where it has one. */
  side: z.enum(SIDES).optional(),
  /** What within its type: `heading`, `drift`, `silent`, `removed` (the sensor or rule is not configured any more). */
  cause: z.string().max(40).optional(),
  sensor: idSchema,
  /** What happened in one sentence, with its numbers. */
  summary: z.string().max(400),
  /** What the excursion did so far, in °C, s, °C·min and °C: with the alert that ends it, all that it did. */
  episode: z
    .strictObject({
      worst: z.number(),
      seconds_outside: z.int().min(0),
      degree_minutes: z.number().min(0),
      mkt: z.number(),
    })
    .optional(),
  /** The reading that began the episode, in the same epoch; absent where none did (silence, storage, clock). */
  reading_seq: seqSchema.optional(),
  /** Who acknowledged, and what they said. */
  by: z.string().max(80).optional(),
  comment: z.string().max(400).optional(),
});
export type AlertBody = z.infer<typeof alertBodySchema>;

/** Alert, topic `alerts`, key `clinic/sensor`. */
export const alertMessageSchema = alertBodySchema.extend({
  clinic: idSchema,
  gateway: idSchema,
  epoch: epochSchema,
  seq: seqSchema,
});
export type AlertMessage = z.infer<typeof alertMessageSchema>;

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
export const gapBodySchema = z.strictObject({
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

export const auditBodySchema = z.strictObject({
  action: z.string().max(80),
  at: z.iso.datetime(),
  detail: z.string().max(400),
});

/** One row of the `events` stream. */
export const eventSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('alert'), alert: alertBodySchema }),
  z.strictObject({ type: z.literal('gap'), gap: gapBodySchema }),
  z.strictObject({ type: z.literal('audit'), audit: auditBodySchema }),
  sensorEventSchema,
]);
export type RingEvent = z.infer<typeof eventSchema>;

export function topicOf(quantity: Quantity): DataTopic {
  return quantity === 'temperature' || quantity === 'humidity' ? TOPICS.temperature : TOPICS.status;
}
