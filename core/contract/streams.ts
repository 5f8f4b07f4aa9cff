import { z } from 'zod';
import { idSchema } from '../identity.js';
import { QUANTITY_NAMES, UNITS } from '../units.js';
import { clinic, sensor } from './fields.js';

/** Topics that are computed from others: by Flink, or by the relay itself where there is no Flink. */
export const STREAM_TOPICS = {
  /** Five minutes of a sensor, corrected whenever a reading comes late: the last record of a key counts. */
  sensor5m: 'agg.sensor.5m',
  /** The same of all sensors of a clinic. */
  clinic5m: 'agg.clinic.5m',
  /** How many clinics of a region have a unit out, where any has. */
  region5m: 'agg.region.5m',
  /** The five minutes up to each minute, of what is measured now: never corrected. */
  sensorSliding: 'agg.sensor.sliding',
  clinicSliding: 'agg.clinic.sliding',
  /** What patterns and scores found; an empty value takes a finding back. */
  findings: 'stream.findings',
} as const;
/** A topic that streams write. */
export type StreamTopic = (typeof STREAM_TOPICS)[keyof typeof STREAM_TOPICS];

/** History fed again by `coldwatch relay replay`; the header `replay` says by which run. */
export const BACKTEST_TOPICS = {
  temperature: 'backtest.iot.temperature',
  alerts: 'backtest.alerts',
  sales: 'backtest.pos.sales',
  inventory: 'backtest.erp.inventory',
} as const;
/** A topic that history is fed into again. */
export type BacktestTopic = (typeof BACKTEST_TOPICS)[keyof typeof BACKTEST_TOPICS];

const windowStart = {
  since: z.int().describe('start of the five minutes, ms since 1970'),
};
const aggregate = {
  clinic,
  ...windowStart,
  // Records from before there were others are of temperatures.
  quantity: z.enum(QUANTITY_NAMES).default('temperature').describe('what was measured'),
  unit: z.enum(UNITS).default('Cel').describe('of the values, by UCUM: `Cel` is °C, `1` has none'),
  count: z.int().min(1).describe('good readings, each once'),
  min: z.number().describe('least'),
  max: z.number().describe('most'),
  mean: z.number().describe('mean'),
};

/** Key: clinic, sensor, quantity and since, as JSON. */
export const sensorAggregateSchema = z.strictObject({
  ...aggregate,
  sensor,
  low: z.number().nullable().default(null).describe('the limit that judged, as announced; null: none'),
  high: z.number().nullable().default(null).describe('the limit that judged, as announced; null: none'),
  seconds_covered: z
    .number()
    .min(0)
    .max(300)
    .nullable()
    .default(null)
    .describe('how much of the five minutes readings speak for'),
  seconds_outside: z.number().min(0).max(300).describe('how much of that was outside the limits'),
});
/** Key: clinic, quantity and since, as JSON. */
export const clinicAggregateSchema = z.strictObject({
  ...aggregate,
  sensors: z.int().min(1).describe('sensors that gave good readings'),
  sensors_outside: z.int().min(0).describe('of them, those outside their own limits for some of the time'),
});
/** Key: region and since, as JSON. Only regions that the relay's configuration names, and only while a unit is out. */
export const regionAggregateSchema = z.strictObject({
  region: idSchema.describe('which, by the relay’s file'),
  ...windowStart,
  clinics: z.int().min(1).describe('as configured, whether they were heard or not'),
  clinics_out: z.int().min(0).describe('with at least one unit out'),
  share: z.number().min(0).max(1).describe('`clinics_out` of `clinics`'),
});
/** Without what records of before lack. */
export type SensorAggregate = z.input<typeof sensorAggregateSchema>;
/** What records of before lack is null, and their quantity a temperature. */
export type FullSensorAggregate = z.output<typeof sensorAggregateSchema>;
/**
 * Five minutes of a clinic: values in `unit`, `since` in ms since 1970. Without what records of before
 * lack.
 */
export type ClinicAggregate = z.input<typeof clinicAggregateSchema>;
/** Five minutes of a region: counts, a share from 0 to 1, `since` in ms since 1970. */
export type RegionAggregate = z.output<typeof regionAggregateSchema>;

const FINDINGS = [
  'zscore',
  'rising',
  'spike_then_drop',
  'gateway_silent',
  'gateway_back',
  'several_out',
  'region_out',
  'sale_spike',
  'stock_low',
  'stock_negative',
  'stock_restored',
  'stock_corrected',
] as const;
/** What patterns and scores find. */
export type FindingKind = (typeof FINDINGS)[number];

/** Key: kind, clinic, subject and at, as JSON: the same finding again is the same record. */
export const findingSchema = z.strictObject({
  kind: z.enum(FINDINGS).describe('what was found'),
  clinic: idSchema.describe('where; of `region_out` the region'),
  subject: z.string().min(1).max(80).describe('a sensor, a gateway, a SKU, or the clinic or region itself'),
  at: z.int().describe('event time, ms; of `several_out` and `region_out` the start of the three minutes'),
  value: z.number().describe('what was seen'),
  threshold: z.number().describe('what it was judged by'),
});
/** What was found: `at` in ms since 1970, `value` and `threshold` as docs/reference/topics.md has them. */
export type Finding = z.output<typeof findingSchema>;
