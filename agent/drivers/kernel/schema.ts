import { z } from 'zod';
import { deviceUnit, quantity } from '../fields.js';

/** The kernel's own drivers for sensors on I²C or a GPIO line: a folder of files, each holding one number. */
export const kernelModelSchema = z
  .strictObject({
    transport: z.literal('kernel'),
    subsystem: z.enum(['iio', 'hwmon']).describe('which of the kernel’s trees'),
    name: z
      .string()
      .min(1)
      .max(40)
      .describe('what the file `name` of its folder says; folder numbers change'),
    values: z
      .array(
        z.strictObject({
          quantity,
          unit: deviceUnit,
          file: z
            .string()
            .regex(/^[a-z0-9_]+$/, 'expected the name of a file such as "temp1_input"')
            .describe('which holds the number'),
        }),
      )
      .min(1)
      .max(8)
      .describe('what it measures'),
  })
  .describe('Files that a driver of the kernel fills');
export type KernelModel = z.output<typeof kernelModelSchema>;

export const kernelSourceSchema = z
  .strictObject({
    kind: z.literal('kernel'),
    at: z
      .string()
      .regex(/^[a-zA-Z0-9_.:-]+$/, 'expected a part of a device path such as "1-0044"')
      .optional()
      .describe('of several such devices, the one whose real path has this part'),
  })
  .describe('A sensor that the kernel reads: iio or hwmon');
