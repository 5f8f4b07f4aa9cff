import { z } from 'zod';
import type { FullSensorAggregate } from '../../core/contract/streams.js';
import { idSchema } from '../../core/identity.js';
import type { ArchivedReading, Cursors, Episode, Kind, Page } from './port.js';

const time = z.int();
const name = z.string().max(200);

/** As a worker hands it over: one piece, and no copy of it. */
export interface WholePage {
  rows: Uint8Array;
  next: string | null;
}

/** What a cursor holds: the place of its row in the order of rows, as text that nobody need understand. */
const CURSORS = {
  readings: z.tuple([time, idSchema, name, idSchema, name, name, z.int()]),
  aggregates: z.tuple([time, idSchema, name]),
  episodes: z.tuple([time, name]),
} satisfies { [K in Kind]: z.ZodType<Cursors[K]> };

/** Undefined for what is no cursor of ours. */
export function cursorOf<K extends Kind>(kind: K, text: string): Cursors[K] | undefined {
  try {
    const json: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    return CURSORS[kind].safeParse(json).data as Cursors[K] | undefined;
  } catch {
    return undefined;
  }
}

/** The place of a row: no two rows have the same. */
const PLACES = {
  readings: (r: ArchivedReading): Cursors['readings'] => [
    r.measured_at,
    r.sensor,
    r.quantity,
    r.gateway,
    r.unit,
    r.epoch,
    r.seq,
  ],
  aggregates: (a: FullSensorAggregate): Cursors['aggregates'] => [a.since, a.sensor, a.quantity],
  episodes: (e: Episode): Cursors['episodes'] => [e.since, e.episode_id],
};

/** Rows of a piece of an answer: a small part of a millisecond's work. */
const PIECE = 500;

/** A page of the first `limit` of these rows, whole; that there is another row says that there is another page. */
export function pageOf(kind: Kind, rows: readonly unknown[], limit: number): WholePage {
  const texts = rows.slice(0, limit).map((row) => JSON.stringify(row));
  const next = nextOf(kind, texts.at(-1), rows.length > limit);
  return { rows: new TextEncoder().encode(`[${texts.join(',')}]`), next };
}

/** The same of rows that are JSON already, in pieces. */
export function pageOfTexts(kind: Kind, texts: readonly string[], more: boolean): Page {
  return { rows: piecesOf(texts), next: nextOf(kind, texts.at(-1), more) };
}

function* piecesOf(texts: readonly string[]): Generator<string> {
  yield '[';
  for (let i = 0; i < texts.length; i += PIECE) {
    yield `${i === 0 ? '' : ','}${texts.slice(i, i + PIECE).join(',')}`;
  }
  yield ']';
}

function nextOf(kind: Kind, last: string | undefined, more: boolean): string | null {
  if (!more || last === undefined) return null;
  const place = PLACES[kind](JSON.parse(last) as never);
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}
