import { z } from 'zod';
import { FLUSH_MS } from '../../core/pace.js';
import { duration } from '../../core/schema.js';

/** Bytes of file that one reading takes; the bench measures it. */
export const BYTES_PER_READING = 32;

export const ringConfigSchema = z.strictObject({
  size_mb: z
    .number()
    .min(0.01)
    .max(100_000)
    .default(128)
    .describe('of readings; events have room of their own'),
  flush: duration.default(FLUSH_MS).describe('how long a reading may wait for others before it is written'),
});
