import { z } from 'zod';
import { DEVICE_UNIT_NAMES, QUANTITY_NAMES } from '../../../core/units.js';

/** Names one of several places that one device measures: `probe`, `internal`, `probe-3`. */
export const channelSchema = z
  .string()
  .regex(/^[a-z0-9:_-]{1,40}$/i, 'expected 1 to 40 letters, digits, ":", "_" and "-"');

export const NUMBER_TYPES = ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32'] as const;

const at = z.int().min(0).max(255);

/** Holds when the byte, masked, is one of these. */
const conditionSchema = z.strictObject({
  at,
  mask: z.int().min(1).max(255).default(255),
  is: z.array(z.int().min(0).max(255)).min(1),
});

const numberSchema = {
  at: at.describe('first byte, counted from 0'),
  type: z.enum(NUMBER_TYPES),
  mask: z.int().min(1).optional().describe('applied to the unsigned number'),
  shift: z.int().min(0).max(31).default(0).describe('to the right, after the mask'),
};

/** A binary frame of fixed length, big-endian. */
export const frameSchema = z.strictObject({
  after: z
    .string()
    .regex(/^([0-9A-F]{2})+$/, 'expected pairs of hex digits in upper case')
    .optional()
    .describe('the frame begins behind the first occurrence of these bytes'),
  size: z.int().min(1).max(255),
  repeats: z.boolean().default(false).describe('a payload may hold several frames, one behind the other'),
  ports: z.array(z.int().min(1).max(255)).optional().describe('LoRaWAN FPorts that carry it'),
  expect: conditionSchema.optional().describe('otherwise it is a frame of another kind'),
  fields: z
    .array(
      z.strictObject({
        quantity: z.enum(QUANTITY_NAMES),
        unit: z.enum(DEVICE_UNIT_NAMES),
        channel: channelSchema.optional(),
        ...numberSchema,
        scale: z.number().default(1),
        offset: z.number().default(0),
        missing: z.array(z.int()).default([]).describe('numbers that mean "no value", after mask and shift'),
        when: conditionSchema.optional(),
        unless: conditionSchema.optional(),
      }),
    )
    .min(1)
    .max(64),
  time: z
    .strictObject({ ...numberSchema, format: z.literal('unix_s'), when: conditionSchema.optional() })
    .optional()
    .describe("the device's own time of measurement"),
});
export type FrameModel = z.output<typeof frameSchema>;
export type FrameNumber = Pick<FrameModel['fields'][number], 'at' | 'type' | 'mask' | 'shift'>;
export type FrameCondition = z.output<typeof conditionSchema>;
