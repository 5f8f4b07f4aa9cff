import { z } from 'zod';
import { duration } from '../../../core/schema.js';
import { channel, channelSchema, deviceUnit, quantity } from '../fields.js';
import { frameSchema } from '../frame/schema.js';

/** A place in a JSON payload: names and indexes joined by dots, `DS18B20.Temperature`. */
const jsonPath = z.string().min(1).max(200).describe('a place in the payload, such as `DS18B20.Temperature`');

const pattern = z
  .string()
  .max(200)
  .refine((text) => {
    try {
      new RegExp(text);
      return true;
    } catch {
      return false;
    }
  }, 'expected a regular expression')
  .transform((text) => new RegExp(text));

const valueSchema = z.strictObject({
  quantity,
  unit: deviceUnit,
  path: jsonPath.describe('where its number is in the payload'),
  channel,
  unit_path: jsonPath.optional().describe('where the payload itself names the unit: "C" or "F"'),
  unless: jsonPath.optional().describe('the value means nothing while this is true'),
});

const timeSchema = z.strictObject({
  path: jsonPath.describe('where it is in the payload'),
  format: z.enum(['iso', 'unix_s', 'unix_ms']).describe('how it is written'),
  optional: z.boolean().default(false).describe('payloads without it are taken as of their arrival'),
});

/** Several probes in one payload: the members of an object whose names match, each with the same values. */
const eachSchema = z.strictObject({
  in: jsonPath.optional().describe('the object that has them; absent: the payload itself'),
  keys: pattern.describe('names of its members that are probes, as a regular expression'),
  or_itself: z.boolean().default(false).describe('the payload may also be one such member'),
  id: jsonPath.optional().describe("where a member has its probe's own id"),
});

export const mqttModelSchema = z
  .strictObject({
    transport: z.literal('mqtt'),
    payload: z
      .enum(['json', 'lorawan', 'sparkplug'])
      .default('json')
      .describe(
        'lorawan: an uplink of The Things Stack or ChirpStack, or the bare frame; sparkplug: Sparkplug B, `path` is the name of a metric',
      ),
    topic: z
      .string()
      .max(200)
      .optional()
      .describe(
        'where such devices publish: {device} stands for a level that names it, {device*} for several, + for any',
      ),
    device: jsonPath.optional().describe("where the payload has the device's own id"),
    default_channel: channelSchema
      .optional()
      .describe('of several channels, the one meant where a sensor names none'),
    each: eachSchema.optional().describe('several probes in one payload, each with the same values'),
    values: z.array(valueSchema).max(64).default([]).describe('what stands in it'),
    data: z
      .strictObject({
        path: jsonPath.describe('where it is'),
        encoding: z.enum(['hex', 'base64']).describe('how it is written'),
      })
      .optional()
      .describe('where a JSON payload carries a binary frame'),
    frame: frameSchema.optional().describe('a binary frame, big-endian'),
    repeats: duration
      .default(0)
      .describe(
        'the bridge publishes what it has cached: the same payload again within this time is no reading',
      ),
    time: timeSchema.optional().describe("the device's own time of measurement"),
  })
  .describe('Messages on MQTT');
export type MqttModel = z.output<typeof mqttModelSchema>;

/** A mapping in a site file, for a payload of no known device. */
export const EMPTY_MQTT_MODEL: MqttModel = mqttModelSchema.parse({ transport: 'mqtt' });

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

export const mqttSourceSchema = z
  .strictObject({
    kind: z.literal('mqtt'),
    topic: topic.describe('where it publishes'),
    device: z
      .string()
      .min(1)
      .max(80)
      .optional()
      .describe('of several probes on this topic, the one with this id'),
    channel: channelSchema.optional().describe('of several places that the device measures, this one'),
    values: z
      .array(valueSchema)
      .min(1)
      .max(64)
      .optional()
      .describe('for payloads of no known device: the mapping, here instead of in a model'),
    time: timeSchema.optional().describe('with `values`: the device’s own time of measurement'),
  })
  .describe('A device that publishes on MQTT');

export const mqttConfigSchema = z.strictObject({
  url: z
    .url({ protocol: /^mqtts?$/ })
    .optional()
    .describe('mqtt:// or mqtts:// of the clinic’s broker; absent: a broker inside the agent'),
  username: z.string().optional().describe('at the clinic’s broker'),
  password: z.string().optional().describe('at the clinic’s broker, a secret'),
  embedded: z
    .strictObject({
      host: z.string().default('127.0.0.1').describe('address of the broker inside the agent'),
      port: z.int().min(0).max(65_535).default(1883).describe('its port'),
    })
    .prefault({}),
  listen: z
    .array(topicFilter)
    .max(20)
    .default([])
    .describe('also heard, so that devices nobody has configured show up for the technician'),
});
export type MqttConfig = z.output<typeof mqttConfigSchema>;
