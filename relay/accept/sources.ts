import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Clock } from '../../core/clock/clock.js';
import {
  eventIdSchema,
  inventorySchema,
  SOURCE_TOPICS,
  saleSchema,
  type WebhookEvent,
} from '../../core/contract/sources.js';
import { logged, messageOf } from '../../core/errors.js';
import { jsonOf, parseJson } from '../../core/payload.js';
import { type Problem, problemsOf } from '../../core/schema.js';
import type { SourcesConfig } from '../config/sources.js';
import type { Log, Published } from '../log/port.js';
import { BODIES_BYTES_MAX, Room, UNSIGNED_BYTES_MAX } from '../web/body.js';
import { type Porter, unauthorised } from '../web/guard.js';
import { bearerOf, findSecret } from '../web/secret.js';
import { refusalOf } from './accept.js';
import { deadLetter, PROBLEMS_MAX } from './dead-letter.js';
import { refuseHeaders, refuseSignature, type WebhookHeaders } from './webhook.js';

const BODY_BYTES_MAX = 1024 * 1024;
const LINES_MAX = 10_000;

/** One kind of thing that is taken: who may send it, and what becomes of a line of it. */
export interface Source {
  /** As it stands in the path and in a dead letter: `pos/sales`. */
  name: string;
  scope: string;
  secret?: string | undefined;
  /** `id`: the webhook's own, where it has one. */
  read(value: unknown, id: string | undefined): Published | { problems: Problem[] };
}

export interface SourceCounts {
  accepted: number;
  repeated: number;
  refused: number;
}

/** By source: `pos/sales`, `webhook/NAME`, `mqtt/NAME`. */
export type SourceStats = Map<string, SourceCounts>;

export function countsOf(stats: SourceStats, name: string): SourceCounts {
  const counts = stats.get(name) ?? { accepted: 0, repeated: 0, refused: 0 };
  stats.set(name, counts);
  return counts;
}

/** By name, also for what is replayed out of dead letters. */
export function sourcesOf(config: SourcesConfig, clock: Clock): Map<string, Source> {
  const webhooks = Object.entries(config.webhooks).map(([name, { secret, schema }]) =>
    webhook(name, secret, schema, clock),
  );
  const all = [
    eventSource('pos/sales', 'pos', saleSchema, SOURCE_TOPICS.sales, (sale) => sale.sold_at),
    eventSource(
      'erp/inventory',
      'erp',
      inventorySchema,
      SOURCE_TOPICS.inventory,
      (change) => change.changed_at,
    ),
    ...webhooks,
  ];
  return new Map(all.map((source) => [source.name, source]));
}

function eventSource<S extends z.ZodType<{ clinic: string; sku: string; event_id: string }>>(
  name: string,
  scope: string,
  schema: S,
  topic: Published['topic'],
  at: (event: z.output<S>) => number,
): Source {
  return {
    name,
    scope,
    read: (value) => {
      const parsed = schema.safeParse(value);
      if (!parsed.success) return { problems: problemsOf(parsed.error, value) };
      const { clinic, sku, event_id } = parsed.data;
      const record = {
        topic,
        key: `${clinic}/${sku}`,
        value: JSON.stringify(parsed.data),
        timestamp: at(parsed.data),
      };
      return { ...record, id: `${name}/${event_id}`, headers: { source: name, event_id } };
    },
  };
}

function webhook(name: string, secret: string | undefined, schema: object, clock: Clock): Source {
  const payload = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  const source = `webhook/${name}`;
  return {
    name: source,
    scope: `webhook:${name}`,
    secret,
    read: (value, given) => {
      const parsed = payload.safeParse(value);
      if (!parsed.success) return { problems: problemsOf(parsed.error, value) };
      const id = eventIdSchema.safeParse(given ?? (value as { event_id?: unknown }).event_id);
      if (!id.success) {
        const expected = 'the header webhook-id, or a field event_id in the payload';
        return { problems: [{ path: 'event_id', got: 'nothing', expected }] };
      }
      const received = clock.wall();
      const event: WebhookEvent = {
        webhook: name,
        event_id: id.data,
        received_at: received,
        payload: parsed.data as Record<string, unknown>,
      };
      return {
        topic: SOURCE_TOPICS.webhooks,
        key: name,
        value: JSON.stringify(event),
        timestamp: received,
        id: `${source}/${id.data}`,
        headers: { source, event_id: id.data },
      };
    },
  };
}

const TAKES =
  'Takes one object, or one a line, for `pos/sales`, `erp/inventory` or `webhook/NAME`. Answers `{accepted, repeated, refused, refused_count}`; what is refused stands in `dead.letter` too';

/** POST /v1/sources/…: one object or NDJSON. What cannot be taken goes to dead.letter with its reasons, and is told. */
export function sourceRoutes(
  app: FastifyInstance,
  log: Log,
  config: SourcesConfig | undefined,
  clock: Clock,
  stats: SourceStats,
): void {
  const sources = config ? sourcesOf(config, clock) : new Map<string, Source>();
  for (const name of sources.keys()) countsOf(stats, name);
  const rooms = { known: new Room(BODIES_BYTES_MAX), unsigned: new Room(UNSIGNED_BYTES_MAX) };
  const roomFor = (request: FastifyRequest) => {
    const source = sources.get((request.params as { '*': string })['*']);
    return source?.secret === undefined ? rooms.known : rooms.unsigned;
  };
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    // Signatures are over the bytes as they came.
    scope.addContentTypeParser(
      '*',
      { bodyLimit: BODY_BYTES_MAX },
      (request: FastifyRequest, payload: NodeJS.ReadableStream) =>
        roomFor(request).read(payload, BODY_BYTES_MAX),
    );
    const door = { config: { door: 'source' as const, about: TAKES } };
    scope.post<{ Params: { '*': string } }>('/v1/sources/*', door, async (request, reply) => {
      const source = sources.get(request.params['*']) as Source;
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const refusal =
        source.secret === undefined
          ? undefined
          : refuseSignature(source.secret, signedHeaders(request), body, clock.wall());
      if (refusal !== undefined) return reply.code(401).send({ error: 'unauthorised', message: refusal });
      return take(source, request, reply, body);
    });
  });

  const take = async (source: Source, request: FastifyRequest, reply: FastifyReply, body: Buffer) => {
    const lines = body
      .toString('utf8')
      .split('\n')
      .map((text, i) => ({ text, line: i + 1 }));
    const filled = lines.filter(({ text }) => text.trim() !== '');
    const whole = singleObject(body);
    const given = whole === undefined ? filled : [{ text: body.toString('utf8'), line: 1 }];
    if (given.length === 0 || given.length > LINES_MAX) {
      const expected = `1 to ${LINES_MAX} objects, one a line`;
      return reply
        .code(400)
        .send({ error: 'invalid', problems: [{ path: '(body)', got: `${given.length} lines`, expected }] });
    }
    const id = given.length === 1 ? header(request, 'webhook-id') : undefined;
    const read = given.map(({ text, line }) => ({ text, line, result: readLine(source, text, id) }));
    const refused = read.flatMap(({ text, line, result }) =>
      'problems' in result ? [{ text, line, problems: result.problems }] : [],
    );
    const good = read.flatMap(({ result }) => ('problems' in result ? [] : [result]));
    try {
      const letters = refused.map(({ text, problems }) =>
        deadLetter(source.name, text, problems, clock.wall()),
      );
      const { repeated } = await log.publish([...good, ...letters]);
      const again = repeated.filter((key) => !key.startsWith('dead/')).length;
      const counts = countsOf(stats, source.name);
      counts.accepted += good.length - again;
      counts.repeated += again;
      counts.refused += refused.length;
      return reply.code(good.length === 0 ? 400 : 200).send({
        accepted: good.length - again,
        repeated: again,
        refused: refused
          .slice(0, PROBLEMS_MAX)
          .map(({ line, problems }) => ({ line, problems: problems.slice(0, PROBLEMS_MAX) })),
        refused_count: refused.length,
      });
    } catch (error) {
      const status = refusalOf(error);
      if (status !== undefined) {
        countsOf(stats, source.name).refused += given.length;
        return reply.code(status).send({ error: 'refused', message: messageOf(error) });
      }
      request.log.warn(logged(error), 'the log did not take what a source sent');
      return reply
        .code(503)
        .header('retry-after', 2)
        .send({ error: 'busy', message: 'the log cannot take this now' });
    }
  };
}

/** Pretty-printed JSON has lines, and is one object all the same. */
function singleObject(body: Buffer): unknown {
  return jsonOf(body.toString('utf8'));
}

export function readLine(
  source: Source,
  text: string,
  id: string | undefined,
): Published | { problems: Problem[] } {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    return { problems: [{ path: '(line)', got: messageOf(error), expected: 'one object as JSON' }] };
  }
  return source.read(value, id);
}

/** The porter of sources. A bearer is known before the body; of a signed webhook only that there is a signature at all. */
export function sourcePorter(config: SourcesConfig | undefined, clock: Clock): Porter {
  const sources = config ? sourcesOf(config, clock) : new Map<string, Source>();
  return (request) => {
    const source = sources.get((request.params as { '*': string })['*']);
    if (!source) {
      const message = config
        ? `expected one of ${[...sources.keys()].join(', ')}`
        : 'this relay takes nothing but gateways: its file has no `sources`';
      return { status: 404, body: { error: 'unknown', message } };
    }
    if (source.secret !== undefined) {
      const refusal = refuseHeaders(signedHeaders(request), clock.wall());
      return refusal === undefined ? undefined : unauthorised(refusal);
    }
    const given = bearerOf(header(request, 'authorization')) ?? '';
    const known = findSecret(config?.tokens ?? [], ({ token }) => token, given);
    if (!known) return unauthorised('expected a bearer token of this relay');
    return known.scopes.includes(source.scope)
      ? undefined
      : unauthorised(`expected a token with the scope "${source.scope}"`);
  };
}

function signedHeaders(request: FastifyRequest): WebhookHeaders {
  const [id, timestamp, signature] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) =>
    header(request, name),
  );
  return { id, timestamp, signature };
}

function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
