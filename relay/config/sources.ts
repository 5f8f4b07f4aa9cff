import { z } from 'zod';
import { messageOf } from '../../core/errors.js';
import { idSchema } from '../../core/identity.js';

/** A JSON Schema of an object, checked here so that a wrong one is told when the file is read. */
const jsonSchema = z.record(z.string(), z.unknown()).superRefine((schema, context) => {
  try {
    if (schema.type !== 'object') throw new Error('the payload must be of type object');
    z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  } catch (error) {
    context.addIssue({ code: 'custom', message: `expected a JSON Schema of an object: ${messageOf(error)}` });
  }
});

const scope = z
  .string()
  .regex(/^(pos|erp|webhook:[a-z0-9][a-z0-9_-]*)$/, 'expected "pos", "erp" or "webhook:NAME"');

/** Where sales, stock and webhooks come from. */
export const sourcesConfigSchema = z.strictObject({
  tokens: z
    .array(
      z.strictObject({
        token: z.string().min(16).describe('a secret'),
        scopes: z.array(scope).min(1).describe('`pos`, `erp` or `webhook:NAME`'),
      }),
    )
    .max(100)
    .default([])
    .describe('bearer tokens, each for some sources; a source that no token names is closed'),
  reorder: z
    .record(z.string().min(1).max(80), z.number().min(0))
    .default({})
    .describe('below how many units of a SKU somebody must order'),
  webhooks: z
    .record(
      idSchema,
      z.strictObject({
        secret: z
          .string()
          .regex(/^whsec_[A-Za-z0-9+/=]{16,}$/, 'expected whsec_ and the secret in base64')
          .optional()
          .describe('Standard Webhooks: with it the signature lets in, and no token is needed'),
        schema: jsonSchema.describe('JSON Schema of the payload'),
      }),
    )
    .default({})
    .describe('by the name that stands in the path'),
});
export type SourcesConfig = z.output<typeof sourcesConfigSchema>;
