import { z } from 'zod';

/** The one user of the schema registry that the relay serves. */
export const registrySchema = z.strictObject({
  username: z.string().min(1).describe('HTTP Basic'),
  password: z.string().min(8, 'expected at least 8 characters').describe('a secret'),
});
export type RegistryAccess = z.output<typeof registrySchema>;
