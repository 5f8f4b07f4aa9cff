import { z } from 'zod';
import { REASONS } from '../../core/quality.js';
import { duration } from '../../core/schema.js';
import { QUANTITY_NAMES } from '../../core/units.js';
import { w1ModelSchema } from '../drivers/gpio/w1-schema.js';
import { kernelModelSchema } from '../drivers/kernel/schema.js';
import { mqttModelSchema } from '../drivers/mqtt/schema.js';
import { lineModelSchema, modbusModelSchema } from '../drivers/serial/schema.js';

/** device-configs/models/<maker>/<model>.yaml: the facts of one device, and no code. */
export const modelSchema = z.strictObject({
  model: z
    .string()
    .regex(/^[a-z0-9-]+\/[a-z0-9-]+$/, 'expected maker/model in lower case')
    .describe('as the folder and the file are called'),
  name: z.string().min(1).describe('as people say it'),
  source: z.string().min(1).describe('where these facts come from: datasheet, manual, kernel document'),
  checked: z
    .boolean()
    .default(true)
    .describe(
      'false: no recorded payload of a real device stands behind these facts; a site must accept that',
    ),
  every: duration.default(60_000).describe('how often to read it, or how often it reports by itself'),
  protocol: z
    .discriminatedUnion('transport', [
      w1ModelSchema,
      kernelModelSchema,
      modbusModelSchema,
      lineModelSchema,
      mqttModelSchema,
    ])
    .describe('how it speaks'),
  sentinels: z
    .array(
      z.strictObject({
        quantity: z.enum(QUANTITY_NAMES).describe('of which quantity'),
        value: z.number().describe('in its unit: °C, % RH, V, %, hPa'),
        reason: z.enum(REASONS).exclude(['']).default('sentinel').describe('what it means'),
      }),
    )
    .default([])
    .describe('values that mean "no value"; checked before the range'),
  range: z
    .partialRecord(z.enum(QUANTITY_NAMES), z.tuple([z.number(), z.number()]))
    .default({})
    .describe('least and most that the device can measure'),
  max_rate: z
    .partialRecord(z.enum(QUANTITY_NAMES), z.number().positive())
    .default({})
    .describe('how far a true value can move in a minute; a faster one counts once the next bears it out'),
  stuck_after: duration
    .optional()
    .describe('the very same value for so long means a frozen probe; leave it out for coarse devices'),
});
export type DeviceModel = z.output<typeof modelSchema>;
