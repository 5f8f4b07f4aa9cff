import { formatPath, type Problem } from '../../core/schema.js';

/** Fields that hold a secret, or a group of them. */
const SECRET_FIELD = /^(tokens?|password|passwords|pin|secret|secrets)$/;
const NAMED = /\$\{credential:[^}]+\}/;
/** mqtt://user:password@host */
const USER_AND_PASSWORD = /^[a-z+]+:\/\/[^/@:]*:([^/@]+)@/;

/** Secrets that stand in the file itself, given as it was written. */
export function secretsIn(written: unknown): Problem[] {
  return found(written, [], false).map((path) => ({
    path: formatPath(path),
    got: 'a secret that whoever reads this file can read',
    expected: 'the name of one, as README says under Secrets',
    level: 'warning',
  }));
}

function found(value: unknown, path: PropertyKey[], secret: boolean): PropertyKey[][] {
  if (typeof value === 'string' || typeof value === 'number') {
    const text = String(value);
    const inUrl = USER_AND_PASSWORD.exec(text)?.[1];
    const bare = secret ? text : inUrl;
    return bare === undefined || NAMED.test(bare) ? [] : [path];
  }
  if (value === null || typeof value !== 'object') return [];
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return entries.flatMap(([key, item]) =>
    found(item, [...path, key], secret || SECRET_FIELD.test(String(key))),
  );
}
