import { createHmac } from 'node:crypto';
import { sameSecret } from '../../host/secret.js';

/**
 * Standard Webhooks 1.0: the sender signs `id.timestamp.body` with HMAC-SHA256; several signatures (`v1,BASE64`) stand
 * side by side while a secret is exchanged. Older or newer than five minutes is a replay.
 */
const TOLERANCE_S = 300;

export interface WebhookHeaders {
  id: string | undefined;
  timestamp: string | undefined;
  signature: string | undefined;
}

/** What can be said before the body is there. */
export function refuseHeaders(
  { id, timestamp, signature }: WebhookHeaders,
  nowMs: number,
): string | undefined {
  if (!id || !timestamp || !signature)
    return 'expected the headers webhook-id, webhook-timestamp and webhook-signature';
  const seconds = Number(timestamp);
  if (!Number.isInteger(seconds) || Math.abs(nowMs / 1000 - seconds) > TOLERANCE_S) {
    return 'expected a webhook-timestamp within five minutes of now';
  }
  return undefined;
}

/** Undefined when it is the sender's; otherwise what is wrong. `secret` as `whsec_BASE64`. */
export function refuseSignature(
  secret: string,
  headers: WebhookHeaders,
  body: Buffer,
  nowMs: number,
): string | undefined {
  const refusal = refuseHeaders(headers, nowMs);
  if (refusal !== undefined) return refusal;
  const { id, timestamp, signature = '' } = headers;
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
  const matches = signature.split(' ').some((one) => {
    const [version, text] = one.split(',');
    const given = Buffer.from(text ?? '', 'base64');
    return version === 'v1' && sameSecret(given, expected);
  });
  return matches ? undefined : 'expected a webhook-signature by the secret that was agreed';
}
