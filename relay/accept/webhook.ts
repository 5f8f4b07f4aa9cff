import { createHmac, timingSafeEqual } from 'node:crypto';

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

/** Undefined when it is the sender's; otherwise what is wrong. `secret` as `whsec_BASE64`. */
export function refuseSignature(
  secret: string,
  { id, timestamp, signature }: WebhookHeaders,
  body: Buffer,
  nowMs: number,
): string | undefined {
  if (!id || !timestamp || !signature)
    return 'expected the headers webhook-id, webhook-timestamp and webhook-signature';
  const seconds = Number(timestamp);
  if (!Number.isInteger(seconds) || Math.abs(nowMs / 1000 - seconds) > TOLERANCE_S) {
    return 'expected a webhook-timestamp within five minutes of now';
  }
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
  const matches = signature.split(' ').some((one) => {
    const [version, text] = one.split(',');
    const given = Buffer.from(text ?? '', 'base64');
    return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
  });
  return matches ? undefined : 'expected a webhook-signature by the secret that was agreed';
}
