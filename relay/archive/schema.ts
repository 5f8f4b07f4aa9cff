import { z } from 'zod';
import { DAY } from '../../core/durations.js';
import { duration } from '../../core/schema.js';

export const archiveSchema = z.strictObject({
  postgres: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'expected postgres://user:password@host/database')
    .optional()
    .describe('absent: a SQLite file in the folder `data`'),
  readings_for: duration.default(3 * 366 * DAY).describe('readings; inspectors ask for three years'),
  aggregates_for: duration.default(10 * 366 * DAY).describe('five-minute aggregates'),
});
export type ArchiveConfig = z.output<typeof archiveSchema>;
