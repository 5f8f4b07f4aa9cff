import { z } from 'zod';
import { idSchema } from '../../core/identity.js';
import { duration, httpUrl } from '../../core/schema.js';

/** A secret that fits into a header. */
export const tokenSchema = z
  .string()
  .min(16, 'expected at least 16 characters')
  .regex(/^[\x21-\x7e]+$/, 'expected letters, digits and signs without spaces');

const range = z.union([z.cidrv4(), z.cidrv6()], { error: 'expected a range such as 10.1.0.0/16 or ::1/128' });

/** Who may look at the page, history and metrics. */
export const viewersSchema = z.strictObject({
  tokens: z
    .record(idSchema, tokenSchema)
    .refine((tokens) => Object.keys(tokens).length <= 100, 'expected at most 100 viewers')
    .default({})
    .describe('bearer token of each; a browser logs in with /login?token=… once and keeps a session of 12 h'),
  open_to: z
    .array(range)
    .max(100)
    .default([])
    .describe(
      'address ranges that need no token, such as 127.0.0.1/32; nobody behind a proxy is let in by it',
    ),
});
export type ViewersConfig = z.output<typeof viewersSchema>;

export const httpSchema = z.strictObject({
  host: z.string().default('0.0.0.0').describe('address that it listens at'),
  port: z.int().min(0).max(65_535).default(8443).describe('port that it listens at'),
  public_url: httpUrl
    .optional()
    .describe(
      'where gateways reach this very relay; relays that share a Kafka send gateways to each other by it',
    ),
  tls: z
    .strictObject({
      cert: z.string().describe('this relay’s certificate'),
      key: z.string().describe('its key'),
      client_ca: z.string().optional().describe('who certifies gateways'),
    })
    .optional()
    .describe(
      'PEM files; with client_ca a gateway needs a certificate by that authority, with its id as URI urn:coldwatch:gateway:ID or as common name',
    ),
  connections: z
    .int()
    .min(10)
    .max(1_000_000)
    .default(20_000)
    .describe('open at once; further ones are refused'),
  request_timeout: duration
    .refine((ms) => ms >= 1000, 'expected at least 1 s')
    .default(60_000)
    .describe(
      'for a request to come in, its body included; agents on slow links need up to their `deadline`',
    ),
});
export type HttpConfig = z.output<typeof httpSchema>;
