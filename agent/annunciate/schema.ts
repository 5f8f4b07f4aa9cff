import { z } from 'zod';

const line = z.strictObject({
  line: z.int().min(0).max(1023).describe('BCM number'),
  active: z.enum(['high', 'low']).default('high'),
});

export const linesConfigSchema = z.strictObject({
  buzzer: line.optional(),
  lamp: line.optional().describe('lit while any alert is open'),
  acknowledge_button: line.optional(),
});
export type LinesConfig = z.output<typeof linesConfigSchema>;
