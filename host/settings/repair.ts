import type { z } from 'zod';

/** Each turn mends what the last one brought to light: a source without a kind, then one without an address. */
const TURNS_MAX = 6;

/** What may stand where something else has to be, until somebody mends it: each another one. */
const STAND_INS: Record<string, (n: number) => unknown> = {
  id: (n) => `stand-in-${n}`,
  gateway: (n) => `stand-in-${n}`,
  name: (n) => `stand-in ${n}`,
  data: () => '/stand-in',
  timezone: () => 'UTC',
  kind: () => 'mqtt',
  topic: (n) => `stand-in/${n}`,
  rom: (n) => `28-${n.toString(16).padStart(12, '0')}`,
  port: (n) => `/stand-in/${n}`,
  url: () => 'https://stand-in.invalid',
  phone: (n) => `+1000000${String(n).padStart(4, '0')}`,
  role: () => 'door',
  line: (n) => 900 + (n % 100),
};

/**
 * A copy of a file's value in which what its schema refuses is left out, or has a stand-in, so that the checks across
 * fields can run at the same time. Undefined where that does not help.
 */
export function withoutMistakes<S extends z.ZodType>(schema: S, value: unknown): z.output<S> | undefined {
  const copy = structuredClone(value);
  let n = 0;
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    const parsed = schema.safeParse(copy);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) {
      if (issue.code === 'unrecognized_keys') for (const key of issue.keys) drop(copy, [...issue.path, key]);
      else if (turn === 0 && !isMissing(copy, issue.path)) drop(copy, issue.path);
      else standIn(copy, issue.path, ++n);
    }
  }
  return undefined;
}

function parentOf(value: unknown, path: readonly PropertyKey[]): Record<PropertyKey, unknown> | undefined {
  let parent = value;
  for (const part of path.slice(0, -1)) parent = (parent as Record<PropertyKey, unknown> | undefined)?.[part];
  return parent !== null && typeof parent === 'object' ? (parent as Record<PropertyKey, unknown>) : undefined;
}

function isMissing(value: unknown, path: readonly PropertyKey[]): boolean {
  return parentOf(value, path)?.[path.at(-1)!] === undefined;
}

/** Array items stay in their place, or those behind them would be called by another number. */
function drop(value: unknown, path: readonly PropertyKey[]): void {
  const parent = parentOf(value, path);
  if (parent && !Array.isArray(parent)) delete parent[path.at(-1)!];
}

function standIn(value: unknown, path: readonly PropertyKey[], n: number): void {
  const parent = parentOf(value, path);
  const key = path.at(-1)!;
  const make = STAND_INS[String(key)];
  if (parent && make) parent[key] = make(n);
}
