import { createHash, timingSafeEqual } from 'node:crypto';

export const digestOf = (secret: string | Buffer) => createHash('sha256').update(secret).digest();

/** What may be kept and compared in a secret’s place where it is long and of chance: SHA-256 in hex. */
export const fingerprintOf = (secret: string | Buffer): string => digestOf(secret).toString('hex');

/** Whether they are the same. How long that takes tells nothing of either, nor of how much of it was right. */
export function sameSecret(given: string | Buffer, expected: string | Buffer): boolean {
  return timingSafeEqual(digestOf(given), digestOf(expected));
}
