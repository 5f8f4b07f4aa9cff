import { promisify } from 'node:util';
import { brotliDecompress, gunzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { BATCH_BYTES_MAX, type Batch, decodeBatch } from '../../core/contract/batch.js';
import { ColdwatchError, type ErrorCode, logged, messageOf } from '../../core/errors.js';
import type { Problem } from '../../core/schema.js';
import type { Bindings } from '../gateways/port.js';
import { Elsewhere, type Log } from '../log/port.js';
import { BODIES_BYTES_MAX, httpError, jsonBody, Room, Turns } from '../web/body.js';
import { recordsOf } from './records.js';

/** A compressed body larger than this is refused before it is read to its end. */
const BODY_BYTES_MAX = 1024 * 1024;
/** Rows between "received" and "durable". More: 429, so that a slow log costs gateways time, not us memory. */
const ROWS_UNDER_WAY_MAX = 100_000;
const RETRY_AFTER_S = 2;
/** Bodies unpacked side by side: each may grow to BATCH_BYTES_MAX. */
const UNPACKING_MAX = 4;

/** What trying again cannot change: the same rows would be refused for ever. */
const REFUSALS: Partial<Record<ErrorCode, number>> = {
  'wire.invalid': 422,
  'wire.too_large': 413,
  'log.bound': 403,
};

/** The status of a refusal for good; undefined where trying again may help. */
export const refusalOf = (error: unknown): number | undefined =>
  error instanceof ColdwatchError ? REFUSALS[error.code] : undefined;

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
  /** Announcements that a sensor is gone, repeated ones included. */
  sensorsTakenBack: number;
}

const BATCHES =
  'Takes a range of rows of one stream, brotli or gzip. Answers, once they are durable, which ranges are held: `{epoch, stream, held}`';
const PROGRESS = 'Which ranges of which streams of this gateway are held: `{streams}`';

/** Gateways' batches: validated whole, appended atomically, answered with what is held. */
export function acceptRoutes(
  app: FastifyInstance,
  log: Log,
  gateways: Bindings,
  onDurable: (batch: Batch) => void = () => {},
): AcceptStats {
  const stats = nothingTaken();
  bodyParser(app);
  app.post<{ Params: { id: string } }>(
    '/v1/gateways/:id/batches',
    { config: { door: 'gateway', about: BATCHES } },
    async (request, reply) => {
      const batch = readBatch(request, reply, gateways);
      if (!('rows' in batch)) {
        stats.refused += 1;
        return batch;
      }
      const rows = batch.rows.length;
      if (stats.rowsUnderWay + rows > ROWS_UNDER_WAY_MAX) {
        stats.throttled += 1;
        return busy(reply, 429, 'the log is behind');
      }
      stats.rowsUnderWay += rows;
      try {
        const { gateway, epoch, stream, from } = batch;
        // A gateway that shows who it is keeps the clinic that it first spoke of.
        const bound = gateways.clinicOf(gateway) !== undefined;
        const first = gateways.closed && !bound ? { clinic: batch.clinic } : {};
        const records = recordsOf(batch);
        const anybody = !gateways.closed;
        const held = await log.append({ gateway, epoch, stream, from, records, anybody, ...first });
        stats.batches += 1;
        stats.rows += rows;
        stats.sensorsTakenBack += takenBack(batch);
        onDurable(batch);
        return { epoch, stream, held };
      } catch (error) {
        if (refusalOf(error) !== undefined) stats.refused += 1;
        return unable(reply, error, request.log);
      } finally {
        stats.rowsUnderWay -= rows;
      }
    },
  );

  app.get<{ Params: { id: string } }>(
    '/v1/gateways/:id/progress',
    { config: { door: 'gateway', about: PROGRESS } },
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

const nothingTaken = (): AcceptStats => ({
  batches: 0,
  rows: 0,
  refused: 0,
  throttled: 0,
  rowsUnderWay: 0,
  sensorsTakenBack: 0,
});

/** Bodies are counted while they are on their way, and unpacked few at a time. */
function bodyParser(app: FastifyInstance): void {
  const room = new Room(BODIES_BYTES_MAX);
  const unpacking = new Turns(UNPACKING_MAX);
  app.addContentTypeParser(
    'application/json',
    // Ours says so earlier, and counts what is on its way.
    { bodyLimit: BODY_BYTES_MAX },
    async (request: FastifyRequest, payload: NodeJS.ReadableStream) => {
      const body = await room.read(payload, BODY_BYTES_MAX);
      return unpacking.take(() => unpack(request.headers['content-encoding'], body));
    },
  );
}

/** The batch of a request, or the answer that refuses it. */
function readBatch(request: FastifyRequest, reply: FastifyReply, gateways: Bindings): Batch | FastifyReply {
  const { id } = request.params as { id: string };
  const decoded = decodeBatch(request.body);
  if (!decoded.ok) return reply.code(400).send(bad(decoded.problems));
  const { batch } = decoded;
  if (batch.gateway !== id) {
    const problem = { path: 'gateway', got: JSON.stringify(batch.gateway), expected: `"${id}"` };
    return reply.code(400).send(bad([problem]));
  }
  const clinic = gateways.clinicOf(batch.gateway);
  if (clinic === undefined || clinic === batch.clinic) return batch;
  return ofAnother(
    reply,
    `the gateway "${batch.gateway}" is of the clinic "${clinic}", by the relay’s file or its invitation`,
  );
}

const takenBack = (batch: Batch) =>
  batch.stream === 'events' ? batch.rows.filter((row) => row.type === 'sensor' && row.is === null).length : 0;

/** The log refused: the batch itself (403, 413, 422), as another relay serves this gateway (421, and which), or all for now (503). */
function unable(reply: FastifyReply, error: unknown, log: FastifyRequest['log']) {
  if (error instanceof Elsewhere && error.url !== null) {
    return reply.code(421).send({ error: 'elsewhere', url: error.url });
  }
  log.warn(logged(error), 'the log did not take what a gateway sent');
  const status = refusalOf(error);
  if (status === 403) return ofAnother(reply, messageOf(error));
  if (status !== undefined) return reply.code(status).send({ error: 'refused', message: messageOf(error) });
  return busy(reply, 503, 'the log cannot take this now');
}

/** The batch is of another clinic. That is no fault of its rows: the gateway keeps them, and shows why. */
function ofAnother(reply: FastifyReply, message: string) {
  return reply.code(403).send({ error: 'forbidden', message });
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
  return jsonBody(plain.toString('utf8'));
}
