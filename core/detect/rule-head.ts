import { z } from 'zod';
import { severitySchema } from '../contract/messages.js';

/** What every rule has. */
export const ruleName = z
  .string()
  .regex(/^[a-z0-9_-]{1,40}$/, 'expected 1 to 40 of a-z, 0-9, "-" and "_"')
  .describe('what the rule is called in alerts');
export const ruleSeverity = severitySchema.describe('of its alerts');
