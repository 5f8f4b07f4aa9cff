import { z } from 'zod';
import { DAY } from '../../core/durations.js';
import { milli } from '../../core/schema.js';
import type { Milli } from '../../core/units.js';

const day = z.iso.date();

/** What a laboratory's certificate says of one probe (ISO/IEC 17025): how far its temperature is off, until when. */
export const calibrationSchema = z
  .strictObject({
    offset: milli.optional().describe('added to what the probe reads'),
    points: z
      .tuple([z.strictObject({ reads: milli, true: milli }), z.strictObject({ reads: milli, true: milli })])
      .refine(([a, b]) => a.reads !== b.reads, 'expected two points with different "reads"')
      .optional()
      .describe('what the probe read at two known temperatures; a line through them corrects it'),
    certificate: z.string().min(1).max(80).optional().describe('number of the certificate'),
    date: day.optional().describe('when it was calibrated'),
    due: day.optional().describe('an alert comes 90 and 30 days before, and on this day'),
  })
  .refine((c) => c.offset === undefined || c.points === undefined, 'expected "offset" or "points", not both');
export type Calibration = z.output<typeof calibrationSchema>;

/** The temperature that a calibrated probe means when it reads `value`. */
export function calibrate({ offset, points }: Calibration, value: Milli): Milli {
  if (points) {
    const [a, b] = points;
    return Math.round(a.true + ((value - a.reads) * (b.true - a.true)) / (b.reads - a.reads));
  }
  return value + (offset ?? 0);
}

export const CALIBRATION_STAGES = [
  { rule: 'calibration-due', days: 0, severity: 'warning' },
  { rule: 'calibration-30d', days: 30, severity: 'warning' },
  { rule: 'calibration-90d', days: 90, severity: 'info' },
] as const;

/** The stage that a due date has reached, or undefined while it is further off than any. */
export function calibrationStage(due: string, wallMs: number) {
  const left = Math.ceil((Date.parse(`${due}T00:00:00Z`) - wallMs) / DAY);
  const stage = CALIBRATION_STAGES.find(({ days }) => left <= days);
  return stage && { ...stage, daysLeft: left };
}
