import { z } from 'zod';

const line = z.strictObject({
  line: z.int().min(0).max(1023).describe('BCM number'),
  active: z.enum(['high', 'low']).default('high').describe('the level that means on, or pressed'),
});

export const linesConfigSchema = z.strictObject({
  buzzer: line.optional().describe('sounds until somebody acknowledges'),
  lamp: line.optional().describe('lit while any alert is open'),
  acknowledge_button: line.optional().describe('acknowledges all that is open'),
});
