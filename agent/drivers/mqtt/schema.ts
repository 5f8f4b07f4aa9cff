import { z } from 'zod';
import { DEVICE_UNIT_NAMES, QUANTITY_NAMES } from '../../../core/units.js';

/** A place in a JSON payload: names and indexes joined by dots, `DS18B20.Temperature`. */
const jsonPath = z.string().min(1).max(200);

const valueSchema = z.strictObject({
  quantity: z.enum(QUANTITY_NAMES),
  unit: z.enum(DEVICE_UNIT_NAMES),
  path: jsonPath,
});

const timeSchema = z.strictObject({
  path: jsonPath,
  format: z.enum(['iso', 'unix_s', 'unix_ms']),
});

export const mqttModelSchema = z.strictObject({
  transport: z.literal('mqtt'),
  values: z.array(valueSchema).min(1).max(64),
  time: timeSchema.optional().describe("the device's own time of measurement"),
});
export type MqttModel = z.output<typeof mqttModelSchema>;

const topic = z
  .string()
  .min(1)
  .max(500)
  .refine((text) => !/[#+\0]/.test(text), 'expected one exact topic, without "+" or "#"');

const topicFilter = z
  .string()
  .min(1)
  .max(500)
  .refine(
    (text) => !text.includes('\0') && !/#./.test(text),
    'expected an MQTT topic filter such as "zigbee2mqtt/#"',
  );

export const mqttSourceSchema = z.strictObject({
  kind: z.literal('mqtt'),
  topic,
  /** For payloads of no known device: the mapping, here instead of in a model. */
  values: mqttModelSchema.shape.values.optional(),
  time: timeSchema.optional(),
});

export const mqttConfigSchema = z.strictObject({
  url: z
    .url({ protocol: /^mqtts?$/ })
    .optional()
    .describe('mqtt:// or mqtts:// of the clinic’s broker; absent: a broker inside the agent'),
  username: z.string().optional(),
  password: z.string().optional(),
  embedded: z
    .strictObject({ host: z.string().default('127.0.0.1'), port: z.int().min(0).max(65_535).default(1883) })
    .prefault({}),
  listen: z
    .array(topicFilter)
    .max(20)
    .default([])
    .describe('also heard, so that devices nobody has configured show up for the technician'),
});
export type MqttConfig = z.output<typeof mqttConfigSchema>;
