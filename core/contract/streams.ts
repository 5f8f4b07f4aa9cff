import { z } from 'zod';
import { idSchema } from '../identity.js';
import { QUANTITY_NAMES, UNITS } from '../units.js';

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
export type StreamTopic = (typeof STREAM_TOPICS)[keyof typeof STREAM_TOPICS];

/** History fed again by `coldwatch relay replay`; the header `replay` says by which run. */
export const BACKTEST_TOPICS = {
  temperature: 'backtest.iot.temperature',
  alerts: 'backtest.alerts',
  sales: 'backtest.pos.sales',
  inventory: 'backtest.erp.inventory',
} as const;
export type BacktestTopic = (typeof BACKTEST_TOPICS)[keyof typeof BACKTEST_TOPICS];

const windowStart = {
  /** Start of the five minutes, ms. */
  since: z.int(),
};
const aggregate = {
  clinic: idSchema,
  ...windowStart,
  /** Records from before there were others are of temperatures. */
  quantity: z.enum(QUANTITY_NAMES).default('temperature'),
  unit: z.enum(UNITS).default('Cel'),
  count: z.int().min(1),
  min: z.number(),
  max: z.number(),
  mean: z.number(),
};

/** Key: clinic, sensor, quantity and since, as JSON. */
export const sensorAggregateSchema = z.strictObject({
  ...aggregate,
  sensor: idSchema,
  /** By which it was judged: the sensor's own, as announced; null: no limit on that side. */
  low: z.number().nullable().default(null),
  high: z.number().nullable().default(null),
  /** How much of the five minutes readings speak for, and how much of that was outside the limits. */
  seconds_covered: z.number().min(0).max(300).nullable().default(null),
  seconds_outside: z.number().min(0).max(300),
});
/** Key: clinic, quantity and since, as JSON. */
export const clinicAggregateSchema = z.strictObject({
  ...aggregate,
  sensors: z.int().min(1),
  /** Sensors that were outside their own limits for some of the time. */
  sensors_outside: z.int().min(0),
});
/** Key: region and since, as JSON. Only regions that the relay's configuration names, and only while a unit is out. */
export const regionAggregateSchema = z.strictObject({
  region: idSchema,
  ...windowStart,
  /** As configured, whether they were heard or not. */
  clinics: z.int().min(1),
  /** With at least one unit out. */
  clinics_out: z.int().min(0),
  share: z.number().min(0).max(1),
});
/** Without what records of before lack. */
export type SensorAggregate = z.input<typeof sensorAggregateSchema>;
/** What records of before lack is null, and their quantity a temperature. */
export type FullSensorAggregate = z.output<typeof sensorAggregateSchema>;
export type ClinicAggregate = z.input<typeof clinicAggregateSchema>;
export type RegionAggregate = z.output<typeof regionAggregateSchema>;

export const FINDINGS = [
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
export type FindingKind = (typeof FINDINGS)[number];

/** Key: kind, clinic, subject and at, as JSON: the same finding again is the same record. */
export const findingSchema = z.strictObject({
  kind: z.enum(FINDINGS),
  /** Of `region_out`: the region. */
  clinic: idSchema,
  /** A sensor, a gateway or a SKU; the clinic or region itself where the finding is about all of it. */
  subject: z.string().min(1).max(80),
  /** Event time, ms; of `several_out` and `region_out` the start of the three minutes, of silence a minute. */
  at: z.int(),
  value: z.number(),
  threshold: z.number(),
});
export type Finding = z.output<typeof findingSchema>;
