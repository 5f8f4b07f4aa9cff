import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { problemsOf } from '../../core/schema.js';

const time = z.iso.datetime({ offset: true, local: true });
const labelSchema = z
  .object({
    event_id: z.string(),
    sensor: z.string(),
    kind: z.string(),
    onset: time,
    end: time,
    unsafe_at: time.nullable(),
    benign: z.boolean(),
  })
  .refine(({ onset, end }) => utc(onset) <= utc(end), 'expected "end" not before "onset"');

export interface Label {
  id: string;
  sensor: string;
  kind: string;
  onsetMs: number;
  endMs: number;
  unsafeMs: number | null;
  benign: boolean;
}

/** A time without a zone is UTC, as in the readings. */
export function utc(text: string): number {
  return Date.parse(/Z$|[+-]\d\d:?\d\d$/.test(text) ? text : `${text.replace(' ', 'T')}Z`);
}

/** Throws an error that lists every bad label with its place. */
export function readLabels(file: string): Label[] {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
  }
  const parsed = z.array(labelSchema).safeParse(value);
  if (!parsed.success) {
    const lines = problemsOf(parsed.error, value).map(
      (p) => `${file} ${p.path}: got ${p.got}, expected ${p.expected}`,
    );
    throw new Error(lines.join('\n'));
  }
  return parsed.data.map(({ event_id, sensor, kind, onset, end, unsafe_at, benign }) => ({
    id: event_id,
    sensor,
    kind,
    onsetMs: utc(onset),
    endMs: utc(end),
    unsafeMs: unsafe_at === null ? null : utc(unsafe_at),
    benign,
  }));
}
