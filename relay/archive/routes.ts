import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { idSchema } from '../../core/identity.js';
import { problemsOf } from '../../core/schema.js';
import type { Archive, HistoryQuery } from './port.js';

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

const querySchema = z
  .strictObject({
    clinic: idSchema,
    sensor: idSchema.optional(),
    from: time,
    to: time,
    limit: z.coerce.number().int().min(1).max(100_000).default(10_000),
  })
  .refine(({ from, to }) => from < to, { path: ['to'], message: 'expected a time after "from"' });

/** GET /v1/history/{readings,aggregates,episodes}?clinic=&sensor=&from=&to=&limit= */
export function historyRoutes(app: FastifyInstance, opened: () => Archive | undefined): void {
  const what = {
    readings: (archive: Archive, query: HistoryQuery) => archive.readings(query),
    aggregates: (archive: Archive, query: HistoryQuery) => archive.aggregates(query),
    episodes: (archive: Archive, query: HistoryQuery) => archive.episodes(query),
  };
  for (const [name, ask] of Object.entries(what)) {
    app.get(`/v1/history/${name}`, async (request, reply) => {
      const parsed = querySchema.safeParse(request.query);
      if (!parsed.success) {
        return reply.code(400).send({ error: 'invalid', problems: problemsOf(parsed.error, request.query) });
      }
      const archive = opened();
      if (!archive) return reply.code(503).send({ error: 'busy', message: 'the archive is not there yet' });
      const { clinic, sensor, from, to, limit } = parsed.data;
      const rows = await ask(archive, { clinic, sensor, fromMs: from, toMs: to, limit });
      return { [name]: rows, complete: rows.length < limit };
    });
  }
}
