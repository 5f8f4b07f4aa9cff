import { formatPath, type Problem } from '../../core/schema.js';

/** Fields that hold a secret, or a group of them. */
const SECRET_FIELD = /^(tokens?|claim|password|passwords|pin|secret|secrets)$/;
/** Worth nothing once it was used: it may stand in the file, and is not shown all the same. */
const SINGLE_USE = /(^|\.)claim$/;
const NAMED = /\$\{credential:[^}]+\}/;
/** mqtt://user:password@host */
const USER_AND_PASSWORD = /^[a-z+]+:\/\/[^/@:]*:([^/@]+)@/;

/** Secrets that stand in the file itself, given as it was written. */
export function secretsIn(written: unknown): Problem[] {
  return found(written, [], false)
    .map(({ path, plain }) => ({ path: formatPath(path), plain }))
    .filter(({ path, plain }) => plain && !SINGLE_USE.test(path))
    .map(({ path }) => ({
      path,
      got: 'a secret that whoever reads this file can read',
      expected: `the name of one: \${credential:NAME}, and the secret in a file NAME (docs/relay.md, Secrets)`,
      level: 'warning',
    }));
}

/** What is wrong with a secret is printed and logged, and the secret is not, wherever it came from. */
export function withoutSecrets(problems: readonly Problem[], written: unknown): Problem[] {
  const places = found(written, [], false).map(({ path }) => formatPath(path));
  const shows = (path: string) =>
    places.some((place) => place === path || place.startsWith(`${path}.`) || place.startsWith(`${path}[`));
  return problems.map((problem) => (shows(problem.path) ? { ...problem, got: 'a secret' } : problem));
}

interface Place {
  path: PropertyKey[];
  /** It stands there itself, not its name. */
  plain: boolean;
}

function found(value: unknown, path: PropertyKey[], secret: boolean): Place[] {
  if (typeof value === 'string' || typeof value === 'number') {
    const text = String(value);
    const bare = secret ? text : USER_AND_PASSWORD.exec(text)?.[1];
    if (bare === undefined && !NAMED.test(text)) return [];
    return [{ path, plain: bare !== undefined && !NAMED.test(bare) }];
  }
  if (value === null || typeof value !== 'object') return [];
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return entries.flatMap(([key, item]) =>
    found(item, [...path, key], secret || SECRET_FIELD.test(String(key))),
  );
}
