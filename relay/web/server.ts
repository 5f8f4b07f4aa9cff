import { readFileSync } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import Fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Logger } from 'pino';
import { own } from '../../core/own.js';
import { show } from '../../core/schema.js';
import type { HttpConfig } from './schema.js';
import { Strangers } from './strangers.js';

/** From the first byte of a request to the end of its headers; also for a connection that says nothing. */
const HEADERS_MS = 20_000;
const HANDSHAKE_MS = 20_000;
/** How often connections are looked at for these. */
const LOOK_MS = 1000;
/** Between requests of a connection: longer than agents wait between two batches. */
const KEEP_ALIVE_MS = 75_000;
/** Without a byte in either direction; open pages are sent something more often (relay/dashboard). */
const IDLE_MS = 120_000;

/** Nothing but our own files, and nobody's frame. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};
const HSTS = { 'strict-transport-security': 'max-age=31536000' };

export interface WebStats {
  /** Closed for a bound: too many connections, or too many that did not say who they are. */
  readonly refused: number;
  readonly open: number;
}

/** The relay's one HTTP server: its time-outs, its bounds, and the headers of every answer. */
export function openServer(http: HttpConfig, log: Logger, roots?: string) {
  const requestTimeout = http.request_timeout;
  const limits = {
    requestTimeout,
    headersTimeout: Math.min(HEADERS_MS, requestTimeout),
    connectionsCheckingInterval: LOOK_MS,
  };
  const app = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: true,
    requestTimeout,
    connectionTimeout: IDLE_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    clientErrorHandler: refuseBytes,
    frameworkErrors: refusePath,
    ...(http.tls
      ? { https: { ...limits, handshakeTimeout: HANDSHAKE_MS, ...pem(http.tls, roots) } }
      : { http: limits }),
  }) as unknown as FastifyInstance;
  const strangers = new Strangers();
  const stats = countConnections(app, http.connections, strangers);
  answerInOneForm(app, http.tls ? { ...HEADERS, ...HSTS } : HEADERS);
  return { app, strangers, stats };
}

function countConnections(app: FastifyInstance, max: number, strangers: Strangers): WebStats {
  let dropped = 0;
  let open = 0;
  app.server.maxConnections = max;
  app.server.on('drop', () => {
    dropped += 1;
  });
  app.server.on('connection', (socket: Socket) => {
    open += 1;
    socket.once('close', () => {
      open -= 1;
    });
    strangers.connected(socket);
  });
  return {
    get refused() {
      return dropped + strangers.refused;
    },
    get open() {
      return open;
    },
  };
}

/** Headers, refusals and failures of whatever route. */
function answerInOneForm(app: FastifyInstance, headers: Record<string, string>): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(headers);
    // A whole address in the request line is a proxy's, and would name another host than ours.
    if (!request.url.startsWith('/'))
      return reply.code(400).send({ error: 'invalid', message: 'expected a path in the request line' });
  });
  app.setNotFoundHandler(({ method, url }, reply) => {
    const message = `got ${show(`${method} ${url}`)}, expected a method and path that this relay has`;
    return reply.code(404).send({ error: 'unknown', message });
  });
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = error.statusCode ?? 500;
    // What went wrong inside is for the log alone.
    if (status >= 500 && status !== 503) {
      // Over mobile links uploads break off all day: nothing is wrong here.
      const level = request.raw.aborted ? 'debug' : 'error';
      request.log[level]({ error: error.message, route: request.routeOptions.url }, 'a request failed');
      return reply.code(status).send({ error: 'failed', message: 'this relay’s log says why' });
    }
    if (status === 503) reply.header('retry-after', 2);
    return reply.code(status).send({ error: status === 503 ? 'busy' : 'invalid', message: error.message });
  });
}

/** What the router cannot read is answered as everything else is. */
function refusePath(error: { statusCode?: number }, { url }: FastifyRequest, reply: FastifyReply) {
  const long = error.statusCode === 414;
  const expected = long ? 'names of at most 100 characters' : 'a path with whole %-signs';
  const message = `got ${show(url)}, expected ${expected}`;
  return reply.code(long ? 414 : 400).send({ error: 'invalid', message });
}

const UNREADABLE: Record<string, readonly [status: number, message: string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request did not come to its end in time'],
  HPE_HEADER_OVERFLOW: [431, 'expected headers of at most 16 kB'],
};

/** Bytes that are no request have no reply of the server's: it is written by hand. */
function refuseBytes(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const [status, message] = own(UNREADABLE, error.code ?? '') ?? [
    400,
    'expected a request as HTTP/1.1 has it',
  ];
  const body = JSON.stringify({ error: 'invalid', message });
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/json`;
  if (socket.writable) socket.write(`${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  socket.destroy(error);
}

/** A certificate is asked for, not demanded: viewers have none. The gateways' porter looks at it. */
function pem(tls: NonNullable<HttpConfig['tls']>, roots: string | undefined) {
  const known = tls.client_ca === undefined ? [] : [readFileSync(tls.client_ca)];
  const ca = roots === undefined ? known : [...known, Buffer.from(roots)];
  return {
    cert: readFileSync(tls.cert),
    key: readFileSync(tls.key),
    rejectUnauthorized: false,
    ...(ca.length === 0 ? {} : { ca, requestCert: true }),
  };
}
