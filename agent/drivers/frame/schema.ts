import { z } from 'zod';
import { channel, deviceUnit, quantity } from '../fields.js';

const NUMBER_TYPES = ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32'] as const;

const at = z.int().min(0).max(255);

/** Holds when the byte, masked, is one of these. */
const conditionSchema = z.strictObject({
  at: at.describe('which byte, counted from 0'),
  mask: z.int().min(1).max(255).default(255).describe('its bits that count'),
  is: z.array(z.int().min(0).max(255)).min(1).describe('what it must be, one of these'),
});

const numberSchema = {
  at: at.describe('first byte, counted from 0'),
  type: z.enum(NUMBER_TYPES).describe('how many bytes, and whether they have a sign'),
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
  size: z.int().min(1).max(255).describe('bytes'),
  repeats: z.boolean().default(false).describe('a payload may hold several frames, one behind the other'),
  ports: z.array(z.int().min(1).max(255)).optional().describe('LoRaWAN FPorts that carry it'),
  expect: conditionSchema.optional().describe('otherwise it is a frame of another kind'),
  fields: z
    .array(
      z.strictObject({
        quantity,
        unit: deviceUnit,
        channel,
        ...numberSchema,
        scale: z.number().default(1).describe('what one count is worth'),
        offset: z.number().default(0).describe('added after that'),
        missing: z.array(z.int()).default([]).describe('numbers that mean "no value", after mask and shift'),
        when: conditionSchema.optional().describe('it is there only then'),
        unless: conditionSchema.optional().describe('it is not there then'),
      }),
    )
    .min(1)
    .max(64)
    .describe('what stands in it'),
  time: z
    .strictObject({
      ...numberSchema,
      format: z.literal('unix_s').describe('how it is written'),
      when: conditionSchema.optional().describe('it is there only then'),
    })
    .optional()
    .describe("the device's own time of measurement"),
});
export type FrameModel = z.output<typeof frameSchema>;
export type FrameNumber = Pick<FrameModel['fields'][number], 'at' | 'type' | 'mask' | 'shift'>;
export type FrameCondition = z.output<typeof conditionSchema>;
