import { z } from 'zod';
import { idSchema } from '../../core/identity.js';

export const regionsSchema = z
  .record(
    idSchema,
    z.strictObject({ clinics: z.array(idSchema).min(1).max(10_000).describe('each in one region') }),
  )
  .default({})
  .superRefine((regions, context) => {
    const seen = new Map<string, string>();
    for (const [region, { clinics }] of Object.entries(regions)) {
      for (const [i, clinic] of clinics.entries()) {
        const other = seen.get(clinic);
        const path = [region, 'clinics', i];
        if (other !== undefined)
          context.addIssue({
            code: 'custom',
            path,
            message: `expected a clinic once; "${other}" has it too`,
          });
        seen.set(clinic, region);
      }
    }
  });
export type Regions = Readonly<Record<string, { clinics: readonly string[] }>>;
