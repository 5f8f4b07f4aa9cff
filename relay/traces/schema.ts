import { z } from 'zod';
import { httpUrl } from '../../core/schema.js';

export const tracesSchema = z.strictObject({
  otlp: httpUrl.describe('a collector that takes OTLP over HTTP, such as http://host:4318'),
  headers: z
    .record(z.string().regex(/^[A-Za-z0-9-]+$/), z.string())
    .default({})
    .describe('headers of each request, such as a key'),
  readings: z
    .number()
    .min(0)
    .max(1)
    .default(0.001)
    .describe('which share of the readings; alerts are all traced'),
});
export type TracesConfig = z.output<typeof tracesSchema>;
