import { z } from 'zod';
import { duration } from '../../core/schema.js';

const DAY_MS = 86_400_000;
/** Agents ask for a new one when a third is left: a gateway may be offline for weeks. */
const CERTIFICATE_MS = 180 * DAY_MS;

export const enrolSchema = z.strictObject({
  ca: z.string().min(1).describe('folder of the authority that certifies gateways: coldwatch relay ca init'),
  certificate_for: duration
    .refine((ms) => ms >= 60_000 && ms <= 10 * 366 * DAY_MS, 'expected between 1m and ten years')
    .default(CERTIFICATE_MS)
    .describe('how long a gateway’s certificate is good; it gets a new one when a third of that is left'),
});
export type EnrolConfig = z.output<typeof enrolSchema>;
