import { timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { BATCH_BYTES_MAX, type Batch, decodeBatch } from '../../core/contract/batch.js';
import { ColdwatchError, messageOf } from '../../core/errors.js';
import { idSchema } from '../../core/identity.js';
import type { Problem } from '../../core/schema.js';
import { Elsewhere, type Log } from '../log/port.js';
import { recordsOf } from './records.js';

/** A compressed body larger than this is refused before it is read to its end. */
export const BODY_BYTES_MAX = 1024 * 1024;
/** Rows between "received" and "durable". More: 429, so that a slow log costs gateways time, not us memory. */
export const ROWS_UNDER_WAY_MAX = 100_000;
const RETRY_AFTER_S = 2;

const decompress = {
  br: promisify(brotliDecompress),
  gzip: promisify(gunzip),
};

export interface AcceptStats {
  batches: number;
  rows: number;
  refused: number;
  throttled: number;
  rowsUnderWay: number;
}

/** Gateways' batches: validated whole, appended atomically, answered with what is held. */
export function acceptRoutes(
  app: FastifyInstance,
  log: Log,
  tokens: Readonly<Record<string, string>> | undefined,
  onDurable: (batch: Batch) => void = () => {},
): AcceptStats {
  const stats: AcceptStats = { batches: 0, rows: 0, refused: 0, throttled: 0, rowsUnderWay: 0 };

  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer', bodyLimit: BODY_BYTES_MAX },
    (request, body, done) => {
      unpack(request.headers['content-encoding'], body as Buffer).then(
        (json) => done(null, json),
        (error: Error) => done(error),
      );
    },
  );

  const guard = async (request: FastifyRequest<{ Params: { id: string } }>, reply: FastifyReply) => {
    const { id } = request.params;
    if (!idSchema.safeParse(id).success) {
      return reply
        .code(400)
        .send(bad([{ path: 'gateway', got: JSON.stringify(id), expected: 'a gateway id' }]));
    }
    if (tokens && !authorised(tokens[id], request.headers.authorization)) {
      return reply.code(401).send({ error: 'unauthorised', message: 'expected this gateway’s bearer token' });
    }
  };

  app.post<{ Params: { id: string } }>(
    '/v1/gateways/:id/batches',
    { onRequest: guard },
    async (request, reply) => {
      const decoded = decodeBatch(request.body);
      if (!decoded.ok) {
        stats.refused += 1;
        return reply.code(400).send(bad(decoded.problems));
      }
      const { batch } = decoded;
      if (batch.gateway !== request.params.id) {
        stats.refused += 1;
        const problem = {
          path: 'gateway',
          got: JSON.stringify(batch.gateway),
          expected: `"${request.params.id}"`,
        };
        return reply.code(400).send(bad([problem]));
      }
      const rows = batch.rows.length;
      if (stats.rowsUnderWay + rows > ROWS_UNDER_WAY_MAX) {
        stats.throttled += 1;
        return busy(reply, 429, 'the log is behind');
      }
      stats.rowsUnderWay += rows;
      try {
        const { gateway, epoch, stream, from } = batch;
        const held = await log.append({ gateway, epoch, stream, from, records: recordsOf(batch) });
        stats.batches += 1;
        stats.rows += rows;
        onDurable(batch);
        return { epoch, stream, held };
      } catch (error) {
        if (error instanceof ColdwatchError && error.code === 'wire.invalid') {
          return reply.code(422).send({ error: 'refused', message: error.message });
        }
        return unable(reply, error, request.log);
      } finally {
        stats.rowsUnderWay -= rows;
      }
    },
  );

  app.get<{ Params: { id: string } }>(
    '/v1/gateways/:id/progress',
    { onRequest: guard },
    async (request, reply) => {
      try {
        return { streams: await log.progress(request.params.id) };
      } catch (error) {
        return unable(reply, error, request.log);
      }
    },
  );

  return stats;
}

/** The log refused: another relay serves this gateway (421, and which), or it cannot take anything now (503). */
function unable(reply: FastifyReply, error: unknown, log: FastifyRequest['log']) {
  if (error instanceof Elsewhere && error.url !== null) {
    return reply.code(421).send({ error: 'elsewhere', url: error.url });
  }
  log.warn({ error: messageOf(error) }, 'the log did not answer a gateway');
  return busy(reply, 503, 'the log cannot take this now');
}

function busy(reply: FastifyReply, status: number, message: string) {
  return reply.code(status).header('retry-after', RETRY_AFTER_S).send({ error: 'busy', message });
}

function bad(problems: Problem[]) {
  return { error: 'invalid', problems: problems.slice(0, 20) };
}

/** Bombs stop at the bound: zlib gives up once the output passes it. */
async function unpack(encoding: string | undefined, body: Buffer): Promise<unknown> {
  let plain = body;
  if (encoding === 'br' || encoding === 'gzip') {
    try {
      plain = await decompress[encoding](body, { maxOutputLength: BATCH_BYTES_MAX });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
        throw httpError(413, `unpacked, the body is over ${BATCH_BYTES_MAX} bytes`);
      }
      throw httpError(400, `body: got damaged ${encoding}, expected a whole ${encoding} stream`);
    }
  } else if (encoding !== undefined && encoding !== 'identity') {
    throw httpError(415, `content-encoding: got ${JSON.stringify(encoding)}, expected br or gzip`);
  }
  try {
    return JSON.parse(plain.toString('utf8'));
  } catch (error) {
    throw httpError(400, `body: ${messageOf(error)}, expected JSON`);
  }
}

function httpError(statusCode: number, message: string): Error {
  return Object.assign(new Error(message), { statusCode });
}

function authorised(token: string | undefined, header: string | undefined): boolean {
  if (token === undefined || header === undefined) return false;
  const expected = Buffer.from(`Bearer ${token}`);
  const given = Buffer.from(header);
  return expected.length === given.length && timingSafeEqual(expected, given);
}
