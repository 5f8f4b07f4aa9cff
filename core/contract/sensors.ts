import { z } from 'zod';
import { epochSchema, idSchema } from '../identity.js';
import { QUANTITY_NAMES, UNITS } from '../units.js';
import { seqSchema } from './range-schema.js';

/** What a sensor is for: what may be asked of all of a kind. */
export const PURPOSES = ['refrigerator', 'freezer', 'ultra_cold', 'room', 'door', 'mains', 'other'] as const;
export type Purpose = (typeof PURPOSES)[number];

/** More quantities than a device measures at one place. */
const CHANNELS_MAX = 16;

/** One quantity that a sensor measures, and between which values it should be: null, no limit on that side. */
export const channelSchema = z.strictObject({
  quantity: z.enum(QUANTITY_NAMES),
  unit: z.enum(UNITS),
  /** Inside, both limits themselves included. */
  low: z.number().nullable(),
  high: z.number().nullable(),
});
export type SensorChannel = z.output<typeof channelSchema>;

/** A sensor as its gateway announces it; clinic, gateway, epoch and seq are added by the batch that carries it. */
export const sensorBodySchema = z.strictObject({
  /** As staff say it. */
  name: z.string().min(1).max(60),
  clinic_name: z.string().min(1).max(40),
  purpose: z.enum(PURPOSES),
  /** From device-configs/models; absent for contacts and for payloads mapped in the site file. */
  model: z.string().max(80).optional(),
  /** From device-configs/presets. */
  preset: z.string().max(80).optional(),
  /** How often it is asked, or reports by itself, ms. */
  every_ms: z.int().min(1),
  channels: z.array(channelSchema).max(CHANNELS_MAX),
});
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
  clinic: idSchema,
  gateway: idSchema,
  sensor: idSchema,
  announced_at: z.int(),
  epoch: epochSchema,
  seq: seqSchema,
});
export type SensorMessage = z.output<typeof sensorMessageSchema>;
