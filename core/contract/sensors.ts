import { z } from 'zod';
import { idSchema } from '../identity.js';
import { clinic, gateway, numbered, quantity, sensor, unit } from './fields.js';
import { epochMs } from './time.js';

/** What a sensor is for: what may be asked of all of a kind. */
export const PURPOSES = ['refrigerator', 'freezer', 'ultra_cold', 'room', 'door', 'mains', 'other'] as const;
/** What a sensor is for. */
export type Purpose = (typeof PURPOSES)[number];

/** More quantities than a device measures at one place. */
const CHANNELS_MAX = 16;

/** One quantity that a sensor measures, and between which values it should be: null, no limit on that side. */
const channelSchema = z.strictObject({
  quantity,
  unit,
  low: z.number().nullable().describe('the least that is inside; null: no limit'),
  high: z.number().nullable().describe('the most that is inside; null: no limit'),
});

/** A sensor as its gateway announces it; clinic, gateway, epoch and seq are added by the batch that carries it. */
const sensorBodySchema = z.strictObject({
  name: z.string().min(1).max(60).describe('as staff say it'),
  clinic_name: z.string().min(1).max(40).describe('the clinic, as staff say it'),
  purpose: z.enum(PURPOSES).describe('what it is for'),
  model: z
    .string()
    .max(80)
    .optional()
    .describe('MAKER/MODEL; absent for contacts and for payloads mapped in the site file'),
  preset: z.string().max(80).optional().describe('whose rules it has'),
  every_ms: z.int().min(1).describe('how often it is asked, or reports by itself, ms'),
  channels: z.array(channelSchema).max(CHANNELS_MAX).describe('what it measures, and its limits'),
});
/** What a sensor is, as its gateway announces it: `every_ms` in ms. */
export type SensorBody = z.output<typeof sensorBodySchema>;

/** Of the `events` stream: what a sensor is now, or null for one that the site file has no more. */
export const sensorEventSchema = z.strictObject({
  type: z.literal('sensor'),
  sensor: idSchema,
  at: z.iso.datetime(),
  is: sensorBodySchema.nullable(),
});

/** Sensor, topic `iot.sensors` (compacted), key `clinic/sensor`; without a value: the clinic has it no more. */
export const sensorMessageSchema = sensorBodySchema.extend({
  clinic,
  gateway,
  sensor,
  announced_at: epochMs.describe('when'),
  ...numbered,
});
/** What a sensor is, as Kafka has it: times in ms. */
export type SensorMessage = z.output<typeof sensorMessageSchema>;
