import { createHmac } from 'node:crypto';
import { digestOf, sameSecret } from '../../host/secret.js';

/** The entry of that secret. All are looked at, so that time does not say which. */
export function findSecret<T>(
  entries: readonly T[],
  secretOf: (entry: T) => string,
  given: string,
): T | undefined {
  let found: T | undefined;
  for (const entry of entries) if (sameSecret(given, secretOf(entry))) found = entry;
  return found;
}

/** A mark that only who knows the secret can make; `purpose` keeps marks of one use out of another. */
export function markOf(secret: string, purpose: string, text: string): string {
  return createHmac('sha256', digestOf(`${purpose}\0${secret}`))
    .update(text)
    .digest('base64url');
}

/** The token of an `Authorization: Bearer …` header. */
export function bearerOf(header: string | undefined): string | undefined {
  return /^Bearer (.+)$/i.exec(header ?? '')?.[1];
}
