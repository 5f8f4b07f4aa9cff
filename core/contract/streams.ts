import { z } from 'zod';
import { idSchema } from '../identity.js';
import { QUANTITY_NAMES, UNITS } from '../units.js';
import { clinic, sensor } from './fields.js';
import { placeOf } from './messages.js';
import { epochMs } from './time.js';

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

/** The one form of keys: parts from the largest to the smallest, times in ms since 1970. */
export const keyOf = (...parts: (string | number)[]) => parts.join('/');

const windowStart = {
  since: epochMs.describe('start of the five minutes'),
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

/** Key: `clinic/sensor/quantity/since`. */
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
/** Key: `clinic/quantity/since`. */
export const clinicAggregateSchema = z.strictObject({
  ...aggregate,
  sensors: z.int().min(1).describe('sensors that gave good readings'),
  sensors_outside: z.int().min(0).describe('of them, those outside their own limits for some of the time'),
});
/** Key: `region/since`. Only regions that the relay's configuration names, and only while a unit is out. */
export const regionAggregateSchema = z.strictObject({
  region: idSchema.describe('which, by the relay’s file'),
  ...windowStart,
  clinics: z.int().min(1).describe('as configured, whether they were heard or not'),
  clinics_out: z.int().min(0).describe('with at least one unit out'),
  share: z.number().min(0).max(1).describe('`clinics_out` of `clinics`'),
});
/** Five minutes of a sensor as they are written: every field is there, `since` in ms since 1970. */
export type SensorAggregateRow = z.output<typeof sensorAggregateSchema>;
/** Five minutes of a clinic as they are written: every field is there, `since` in ms since 1970. */
export type ClinicAggregateRow = z.output<typeof clinicAggregateSchema>;
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

/** Units of what findings speak of. */
export const FINDING_UNITS = ['Cel', 'min', '1'] as const;
/** The unit of a finding’s value and threshold, by UCUM. */
export type FindingUnit = (typeof FINDING_UNITS)[number];

/** Of the value and the threshold of each kind; `1`: counts, shares and scores. */
export const UNIT_OF: Readonly<Record<FindingKind, FindingUnit>> = {
  zscore: '1',
  rising: 'Cel',
  spike_then_drop: 'Cel',
  gateway_silent: 'min',
  gateway_back: 'min',
  several_out: '1',
  region_out: '1',
  sale_spike: '1',
  stock_low: '1',
  stock_negative: '1',
  stock_restored: '1',
  stock_corrected: '1',
};

/** Key: `clinic/subject/kind/at`, of `region_out` the region in the clinic's place: the same finding again is the same record. */
export const findingSchema = z.strictObject({
  kind: z.enum(FINDINGS).describe('what was found'),
  clinic: idSchema
    .optional()
    .describe('where; absent of `region_out`, of which records of before have the region here'),
  region: idSchema.optional().describe('of `region_out` alone: which'),
  subject: z.string().min(1).max(80).describe('a sensor, a gateway, a SKU, or the clinic or region itself'),
  at: epochMs.describe(
    'event time; of `several_out` and `region_out` the start of the three minutes, of silence a minute',
  ),
  value: z.number().describe('what was seen'),
  threshold: z.number().describe('what it was judged by'),
  unit: z
    .enum(FINDING_UNITS)
    .optional()
    .describe('of both: `1` are counts, shares and scores; records of before lack it'),
});
/** What was found: `at` in ms since 1970, `value` and `threshold` as docs/reference/topics.md has them. */
export type Finding = z.output<typeof findingSchema>;

/** What a finding is about: enough to know one that is taken back. */
export type FindingSubject = Pick<Finding, 'kind' | 'subject' | 'at'> & {
  /** The clinic, or the region. */
  place: string;
};

export const subjectOf = (finding: Finding): FindingSubject => {
  const { kind, subject, at } = finding;
  return { kind, place: placeOf(finding), subject, at };
};

export function findingKey(finding: Finding): string {
  const { place, subject, kind, at } = subjectOf(finding);
  return keyOf(place, subject, kind, at);
}

/** Of a key; a subject may have slashes. Undefined where it is none of a finding. */
export function findingOfKey(key: string): FindingSubject | undefined {
  const [, place, subject, kind, at] = /^([^/]+)\/(.+)\/([a-z_]+)\/(\d+)$/s.exec(key) ?? [];
  const known = FINDINGS.find((name) => name === kind);
  if (known === undefined || place === undefined || subject === undefined) return undefined;
  return { kind: known, place, subject, at: Number(at) };
}
