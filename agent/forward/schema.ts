import { z } from 'zod';
import { BATCH_ROWS_MAX } from '../../core/contract/batch.js';
import { duration } from '../../core/schema.js';

export const forwardConfigSchema = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).describe('of the relay'),
  token: z.string().min(16).optional().describe('bearer token; never written here but named as a credential'),
  tls: z
    .strictObject({ ca: z.string().optional(), cert: z.string().optional(), key: z.string().optional() })
    .optional()
    .describe('PEM files: the relay’s authority, this gateway’s certificate and key'),
  every: duration.default(10_000).describe('how long fresh readings wait for company'),
  batch: z.int().min(1).max(BATCH_ROWS_MAX).default(2000),
  backlog_kb_per_s: z
    .number()
    .min(0.1)
    .max(100_000)
    .default(64)
    .describe('compressed kilobytes a second that a backlog may take; live readings go between'),
  deadline: duration.default(30_000).describe('for one request, from connecting to the whole answer'),
  backoff_max: duration
    .default(10_000)
    .describe(
      'longest pause before a relay that refuses this gateway is asked again; one that does not answer is tried each 9 s at least, for ever',
    ),
});
export type ForwardConfig = z.output<typeof forwardConfigSchema>;
