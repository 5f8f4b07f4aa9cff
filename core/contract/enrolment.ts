import { z } from 'zod';
import { idSchema } from '../identity.js';

/** A PKCS#10 request (RFC 2986) in PEM. One of P-256 has some 430 characters, one of RSA 4096 some 1,700. */
const csr = z
  .string()
  .max(4000)
  .regex(/^-----BEGIN CERTIFICATE REQUEST-----\s/, 'expected a certificate request in PEM');

/** Single use: 26 characters of Crockford's base 32, in groups, as it stands on a label. */
export const claimTokenSchema = z
  .string()
  .regex(
    /^[0-9A-HJKMNP-TV-Z]{5}(-[0-9A-HJKMNP-TV-Z]{5}){4}$/,
    'expected a claim token such as K7M2Q-…, five groups of five',
  );

/** What a gateway without a certificate sends to `POST /v1/enrolments`. */
export const claimSchema = z.strictObject({ gateway: idSchema, token: claimTokenSchema, csr });
/** PEM in `csr`; the token as it stands on a label. */
export type Claim = z.output<typeof claimSchema>;

/** What one with a certificate sends to `POST /v1/gateways/{id}/certificate`. */
export const renewalSchema = z.strictObject({ csr });

/** What both get. */
export const issuedSchema = z.object({
  /** PEM. */
  certificate: z.string(),
  /** PEM, one or more: whom to believe that it is the relay. */
  ca: z.string(),
  clinic: idSchema,
  /** From when on to ask for the next one, ms: a third of the certificate’s life before it ends. */
  renew_at: z.int(),
});
/** PEM, and ms since 1970 by the relay’s clock. */
export type Issued = z.output<typeof issuedSchema>;

/** The name of a gateway in its certificate, as a URI among the alternative names. */
export const GATEWAY_URN = 'urn:coldwatch:gateway:';
