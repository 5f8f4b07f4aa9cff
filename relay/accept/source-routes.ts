import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../core/clock/clock.js';
import { logged, messageOf } from '../../core/errors.js';
import { jsonOf } from '../../core/payload.js';
import type { Log } from '../log/port.js';
import { BODIES_BYTES_MAX, Room, UNSIGNED_BYTES_MAX } from '../web/body.js';
import { type Porter, unauthorised } from '../web/guard.js';
import { bearerOf, findSecret } from '../web/secret.js';
import { refusalOf } from './accept.js';
import { deadLetter, PROBLEMS_MAX } from './dead-letter.js';
import type { SourcesConfig } from './schema.js';
import {
  countsOf,
  readLine,
  type Source,
  type SourceCounts,
  type SourceStats,
  sourcesOf,
} from './sources.js';
import { refuseHeaders, refuseSignature, type WebhookHeaders } from './webhook.js';

const BODY_BYTES_MAX = 1024 * 1024;
const LINES_MAX = 10_000;

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
      return take({ source, log, clock, counts: countsOf(stats, source.name) }, request, reply, body);
    });
  });
}

interface Taking {
  source: Source;
  log: Log;
  clock: Clock;
  counts: SourceCounts;
}

/** What can be taken is, and the rest goes to dead.letter. */
async function take(
  { source, log, clock, counts }: Taking,
  request: FastifyRequest,
  reply: FastifyReply,
  body: Buffer,
) {
  const given = linesOf(body);
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
      counts.refused += given.length;
      return reply.code(status).send({ error: 'refused', message: messageOf(error) });
    }
    request.log.warn(logged(error), 'the log did not take what a source sent');
    return reply
      .code(503)
      .header('retry-after', 2)
      .send({ error: 'busy', message: 'the log cannot take this now' });
  }
}

/** Pretty-printed JSON has lines, and is one object all the same. */
function linesOf(body: Buffer): { text: string; line: number }[] {
  const text = body.toString('utf8');
  if (singleObject(body) !== undefined) return [{ text, line: 1 }];
  return text
    .split('\n')
    .map((one, i) => ({ text: one, line: i + 1 }))
    .filter((one) => one.text.trim() !== '');
}

function singleObject(body: Buffer): unknown {
  return jsonOf(body.toString('utf8'));
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
