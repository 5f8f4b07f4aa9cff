import { z } from 'zod';
import { didYouMean } from './nearest.js';
import { parseDuration } from './units.js';

/** A duration as people write it (`10h`, `60m`, `30s`), read into milliseconds. */
export const duration = z
  .string('expected a duration such as "30s", "60m" or "10h"')
  .refine((text) => parseDuration(text) !== undefined, 'expected a duration such as "30s", "60m" or "10h"')
  .transform((text) => parseDuration(text) as number);

export const httpUrl = z.url({ protocol: /^https?$/, error: 'expected http://HOST:PORT or https://…' });

/** A temperature or other measured value as people write it, read into thousandths. */
export const milli = z
  .number()
  .min(-1e6)
  .max(1e6)
  .transform((value) => Math.round(value * 1000));

/** One mistake in what somebody wrote or sent, as texts for one line. */
export interface Problem {
  path: string;
  got: string;
  expected: string;
  /** A warning is surely not meant, but works. */
  level?: 'warning';
}

/** One line for each issue of a failed parse: where, what was there, what should be. */
export function problemsOf(error: z.ZodError, input: unknown, schema?: z.ZodType): Problem[] {
  return error.issues.flatMap((issue) => describe(issue, input, schema));
}

function describe(issue: z.core.$ZodIssue, input: unknown, schema?: z.ZodType): Problem[] {
  const { path } = issue;
  const value = issue.code === 'invalid_key' ? path.at(-1) : valueAt(input, path);
  if (issue.code === 'unrecognized_keys') {
    const known = schema ? fieldsAt(schema, path) : [];
    return issue.keys.map((key) => ({
      path: formatPath([...path, key]),
      got: 'an unknown field',
      expected: `only documented fields${didYouMean(key, known) || ' (check the spelling)'}`,
    }));
  }
  const kinds = /^Invalid discriminator value\. Expected (.*)$/.exec(issue.message)?.[1];
  const expected = kinds
    ? `one of ${kinds.replaceAll(' | ', ', ').replaceAll("'", '')}`
    : (inWords(issue, value) ??
      issue.message.replace(/^Invalid (input|option): /, '').replace(/, received .*$/, ''));
  const values = issue.code === 'invalid_value' ? issue.values.filter((v) => typeof v === 'string') : [];
  const meant = didYouMean(value, kinds ? kinds.match(/[^' |]+/g)! : values);
  return [{ path: formatPath(path), got: show(value), expected: `${stripLead(expected)}${meant}` }];
}

/** The library's own words that people who write a site file would not understand. */
const WORDS: Record<string, string> = {
  number: 'a number',
  boolean: 'true or false',
  array: 'a list such as [a, b]',
  url: 'an address such as https://relay.example.org',
  date: 'a date such as 2027-05-01',
  datetime: 'a time such as 2027-05-01T06:00:00Z',
};
const OWN_WORDS = /^(Invalid|Too) /;

function inWords(issue: z.core.$ZodIssue, value: unknown): string | undefined {
  if (!OWN_WORDS.test(issue.message)) return undefined;
  if (issue.code === 'invalid_format') return WORDS[issue.format];
  if (issue.code === 'invalid_key') return issue.issues[0]?.message;
  if (issue.code === 'too_small' && issue.origin === 'string') return `at least ${issue.minimum} characters`;
  if (issue.code === 'too_big' && issue.origin === 'string') return `at most ${issue.maximum} characters`;
  if (issue.code !== 'invalid_type') return undefined;
  if (issue.expected !== 'string') return WORDS[issue.expected];
  return typeof value === 'number' ? `text in quotes: "${value}"` : 'text';
}

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  additionalProperties?: JsonSchema | boolean;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
}

/** Every field that may stand at this place, of whichever kind is meant there. */
function fieldsAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let here = [
    z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as JsonSchema,
  ];
  const kinds = (of: JsonSchema): JsonSchema[] => {
    const inner = [...(of.anyOf ?? []), ...(of.oneOf ?? []), ...(of.allOf ?? [])];
    return [of, ...inner.flatMap(kinds)];
  };
  for (const part of path) {
    here = here.flatMap(kinds).flatMap((of) => {
      const rest = typeof of.additionalProperties === 'object' ? of.additionalProperties : undefined;
      const next = typeof part === 'number' ? of.items : (of.properties?.[String(part)] ?? rest);
      return next ? [next] : [];
    });
  }
  return here.flatMap(kinds).flatMap((of) => Object.keys(of.properties ?? {}));
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
