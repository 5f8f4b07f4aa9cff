import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { ColdwatchError } from '../../core/errors.js';
import { idSchema } from '../../core/identity.js';
import { type Problem, problemsOf, show } from '../../core/schema.js';
import { QUANTITY_NAMES, type Quantity } from '../../core/units.js';
import { cursorOf } from './page.js';
import type { Archive, HistoryQuery, Kind, Page } from './port.js';

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

const querySchema = z.strictObject({
  clinic: idSchema.describe('whose'),
  sensor: idSchema.optional().describe('absent: all of the clinic'),
  from: time.describe('the first moment'),
  to: time.describe('the moment after the last'),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(10_000)
    .describe('rows of one answer; more is told by `next`'),
  after: z.string().max(2000).optional().describe('`next` of the page before'),
});

const measured = (unsaid: Quantity | 'all') =>
  querySchema.extend({
    quantity: z
      .enum([...QUANTITY_NAMES, 'all'])
      .default(unsaid)
      .describe('`all`: every one; aggregates, if absent, are of `temperature`'),
  });

/** Aggregates were of temperatures alone: who does not say which gets those, as before. */
export const HISTORY_QUERIES = {
  readings: measured('all'),
  aggregates: measured('temperature'),
  episodes: querySchema,
} satisfies Record<Kind, z.ZodType>;
type HistoryQuestion = z.output<typeof querySchema> & { quantity?: Quantity | 'all' };
const KINDS = Object.keys(HISTORY_QUERIES) as Kind[];

const ABOUT: Record<Kind, string> = {
  readings: 'Readings of a clinic, or of one sensor, by time: `{readings, complete, next}`',
  aggregates: 'Its five minutes: `{aggregates, complete, next}`',
  episodes: 'Its alarms, from their first alert to the last: `{episodes, complete, next}`',
};

/** GET /v1/history/{readings,aggregates,episodes}?clinic=&sensor=&quantity=&from=&to=&limit=&after= */
export function historyRoutes(app: FastifyInstance, opened: () => Archive | undefined): void {
  for (const kind of KINDS) {
    app.get(`/v1/history/${kind}`, { config: { about: ABOUT[kind] } }, async (request, reply) => {
      const query = queryOf(kind, request.query);
      if (Array.isArray(query)) return reply.code(400).send({ error: 'invalid', problems: query });
      const archive = opened();
      if (!archive) return reply.code(503).send({ error: 'busy', message: 'the archive is not there yet' });
      try {
        const page = await archive.page(kind, query);
        return reply.type('application/json').send(Readable.from(bodyOf(kind, page)));
      } catch (error) {
        if (!(error instanceof ColdwatchError && error.retry)) throw error;
        return reply.code(503).send({ error: 'busy', message: error.message });
      }
    });
  }
}

function queryOf<K extends Kind>(kind: K, given: unknown): HistoryQuery<K> | Problem[] {
  const schema: z.ZodType<HistoryQuestion> = HISTORY_QUERIES[kind];
  const parsed = schema.safeParse(given);
  if (!parsed.success) return problemsOf(parsed.error, given, schema);
  const { from: fromMs, to: toMs, after: text, quantity: named, ...asked } = parsed.data;
  const rest = { ...asked, quantity: named === 'all' ? undefined : named };
  if (fromMs >= toMs)
    return [{ path: 'to', got: show((given as { to: string }).to), expected: 'a time after "from"' }];
  if (text === undefined) return { ...rest, fromMs, toMs };
  const after = cursorOf(kind, text);
  const expected = '`next` of an answer to the same question';
  return after === undefined ? [{ path: 'after', got: text, expected }] : { ...rest, fromMs, toMs, after };
}

/** The rows are JSON already, and may be many: others are served between two pieces. */
function* bodyOf(kind: Kind, { rows, next }: Page): Generator<Uint8Array> {
  yield Buffer.from(`{"${kind}":`);
  for (const piece of rows) yield typeof piece === 'string' ? Buffer.from(piece) : piece;
  yield Buffer.from(`,${JSON.stringify({ complete: next === null, next }).slice(1)}`);
}
