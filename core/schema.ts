import { z } from 'zod';
import { parseDuration } from './units.js';

/** A duration as people write it (`10h`, `60m`, `30s`), read into milliseconds. */
export const duration = z
  .string()
  .refine((text) => parseDuration(text) !== undefined, 'expected a duration such as "30s", "60m" or "10h"')
  .transform((text) => parseDuration(text) as number);

/** A temperature or other measured value as people write it, read into thousandths. */
export const milli = z
  .number()
  .min(-1e6)
  .max(1e6)
  .transform((value) => Math.round(value * 1000));

export interface Problem {
  path: string;
  got: string;
  expected: string;
}

/** One line for each issue of a failed parse: where, what was there, what should be. */
export function problemsOf(error: z.ZodError, input: unknown): Problem[] {
  return error.issues.flatMap((issue) => describe(issue, input, []));
}

function describe(issue: z.core.$ZodIssue, input: unknown, base: PropertyKey[]): Problem[] {
  const path = [...base, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: formatPath([...path, key]),
      got: 'an unknown field',
      expected: 'only documented fields (check the spelling)',
    }));
  }
  const expected = issue.message.replace(/^Invalid (input|option): /, '').replace(/, received .*$/, '');
  return [{ path: formatPath(path), got: show(valueAt(input, path)), expected: stripLead(expected) }];
}

const stripLead = (text: string) => text.replace(/^expected /, '');

export function formatPath(path: readonly PropertyKey[]): string {
  let out = '';
  for (const part of path)
    out += typeof part === 'number' ? `[${part}]` : out ? `.${String(part)}` : String(part);
  return out || '(top)';
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const part of path) {
    if (value === null || typeof value !== 'object') return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

/** A value, short enough for one line of an error message. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
