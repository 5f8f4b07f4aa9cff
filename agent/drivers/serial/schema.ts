import { z } from 'zod';
import { duration } from '../../../core/schema.js';
import { DEVICE_UNIT_NAMES, QUANTITY_NAMES } from '../../../core/units.js';
import { channelSchema } from '../../frame/schema.js';

const serialSettings = {
  baud: z.int().min(300).max(921_600).default(9600),
  parity: z.enum(['none', 'even', 'odd']).default('none'),
  stop_bits: z.union([z.literal(1), z.literal(2)]).default(1),
};

export const REGISTER_TYPES = ['int16', 'uint16', 'float32', 'float32_low_first'] as const;

const port = z.string().min(1).describe('a serial port; prefer a /dev/serial/by-path name');

export const modbusSourceSchema = z.strictObject({
  kind: z.literal('modbus'),
  port,
  unit: z.int().min(1).max(247).default(1),
  channel: channelSchema.optional().describe('of several probes on one box, this one'),
});

export const modbusModelSchema = z.strictObject({
  transport: z.literal('modbus'),
  ...serialSettings,
  timeout: duration.default(500),
  default_channel: channelSchema.optional(),
  registers: z
    .array(
      z.strictObject({
        quantity: z.enum(QUANTITY_NAMES),
        unit: z.enum(DEVICE_UNIT_NAMES),
        function: z.union([z.literal(3), z.literal(4)]),
        address: z.int().min(0).max(65_535).describe('as it goes on the wire, counted from 0'),
        type: z.enum(REGISTER_TYPES).default('int16'),
        scale: z.number().default(1),
        channel: channelSchema.optional(),
      }),
    )
    .min(1)
    .max(64),
});

export const lineSourceSchema = z.strictObject({ kind: z.literal('line'), port });

const pattern = z
  .string()
  .refine((text) => isPattern(text), 'expected a regular expression')
  .transform((text) => new RegExp(text));

export const lineModelSchema = z.strictObject({
  transport: z.literal('line'),
  ...serialSettings,
  terminator: z.string().min(1).max(4).default('\n'),
  request: z
    .string()
    .max(64)
    .optional()
    .describe('sent to ask for a line; absent when the device talks by itself'),
  timeout: duration.default(3000),
  values: z
    .array(
      z.strictObject({
        quantity: z.enum(QUANTITY_NAMES),
        unit: z.enum(DEVICE_UNIT_NAMES),
        pattern: pattern.describe('its first group is the number'),
      }),
    )
    .min(1),
  errors: z.array(z.strictObject({ pattern, means: z.string() })).default([]),
});

export type ModbusModel = z.output<typeof modbusModelSchema>;
export type LineModel = z.output<typeof lineModelSchema>;

function isPattern(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
