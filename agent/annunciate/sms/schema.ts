import { z } from 'zod';

export const smsConfigSchema = z.strictObject({
  port: z.string().min(1).describe('serial port of the modem'),
  baud: z.int().min(1200).max(921_600).default(115_200).describe('speed of that port'),
  pin: z
    .string()
    .regex(/^\d{4,8}$/, 'expected 4 to 8 digits')
    .optional()
    .describe('of the SIM; sent once: never again after a refusal, or when nobody heard the answer'),
});
