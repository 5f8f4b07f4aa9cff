import { z } from 'zod';
import type { SensorAggregate } from '../../core/contract/streams.js';
import { idSchema } from '../../core/identity.js';
import type { ArchivedReading, Cursors, Episode, Kind, Page } from './port.js';

const time = z.int();
const name = z.string().max(200);

/** What a cursor holds: the place of its row in the order of rows, as text that nobody need understand. */
const CURSORS = {
  readings: z.tuple([time, idSchema, name, idSchema, name, name, z.int()]),
  aggregates: z.tuple([time, idSchema]),
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
  aggregates: (a: SensorAggregate): Cursors['aggregates'] => [a.since, a.sensor],
  episodes: (e: Episode): Cursors['episodes'] => [e.since, e.episode_id],
};

/** A page of the first `limit` of these rows; that there is another row says that there is another page. */
export function pageOf(kind: Kind, rows: readonly unknown[], limit: number): Page {
  const shown = rows.slice(0, limit);
  return pageOfTexts(
    kind,
    shown.map((row) => JSON.stringify(row)),
    rows.length > limit,
  );
}

/** The same of rows that are JSON already. */
export function pageOfTexts(kind: Kind, rows: readonly string[], more: boolean): Page {
  const last = rows.at(-1);
  const place = last === undefined ? [] : PLACES[kind](JSON.parse(last) as never);
  const next = more ? Buffer.from(JSON.stringify(place)).toString('base64url') : null;
  return { rows: new TextEncoder().encode(`[${rows.join(',')}]`), next };
}
