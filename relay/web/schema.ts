import { z } from 'zod';
import { idSchema } from '../../core/identity.js';

/** A secret that fits into a header. */
export const tokenSchema = z
  .string()
  .min(16, 'expected at least 16 characters')
  .regex(/^[\x21-\x7e]+$/, 'expected letters, digits and signs without spaces');

const range = z.union([z.cidrv4(), z.cidrv6()], { error: 'expected a range such as 10.1.0.0/16 or ::1/128' });

/** Who may look at the page, history and metrics. */
export const viewersSchema = z.strictObject({
  tokens: z
    .record(idSchema, tokenSchema)
    .refine((tokens) => Object.keys(tokens).length <= 100, 'expected at most 100 viewers')
    .default({})
    .describe('bearer token of each; a browser logs in with /login?token=… once and keeps a session of 12 h'),
  open_to: z
    .array(range)
    .max(100)
    .default([])
    .describe(
      'address ranges that need no token, such as 127.0.0.1/32; nobody behind a proxy is let in by it',
    ),
});
export type ViewersConfig = z.output<typeof viewersSchema>;
