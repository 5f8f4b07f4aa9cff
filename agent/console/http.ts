import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface HealthPages {
  status: () => unknown;
  /** Why this gateway does not do all of its work; null when it does. */
  unwell: () => string | null;
  /** Asked for once, when something first wants metrics. */
  registry: () => Promise<Registry>;
}

/** A technician, a monitor, a console: more at once is a mistake, or somebody who means harm. */
const CONNECTIONS_MAX = 64;
/** For a question to come in, and for an answer to be taken. */
const REQUEST_MS = 10_000;
const IDLE_MS = 30_000;
const LOOK_MS = 1000;
const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
};

/** The agent's own answers on the LAN: /api/status, /healthz, /metrics. */
export async function serveHealth(host: string, port: number, pages: HealthPages) {
  let registry: Promise<Registry> | undefined;
  const metrics = () => {
    registry ??= pages.registry();
    return registry;
  };
  const limits = {
    requestTimeout: REQUEST_MS,
    headersTimeout: REQUEST_MS,
    connectionsCheckingInterval: LOOK_MS,
  };
  const server = createServer(limits, (request, response) => {
    answer(request.url ?? '/', pages, metrics, response).catch(() => response.destroy());
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.setTimeout(IDLE_MS);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => close(server) };
}

async function answer(
  url: string,
  pages: HealthPages,
  metrics: () => Promise<Registry>,
  response: ServerResponse,
): Promise<void> {
  const send = (status: number, type: string, body: string) => {
    response.writeHead(status, { ...HEADERS, 'content-type': type }).end(body);
  };
  const json = (status: number, body: unknown) => send(status, 'application/json', JSON.stringify(body));
  switch (new URL(url, 'http://agent').pathname) {
    case '/healthz': {
      const why = pages.unwell();
      return why === null ? json(200, { ok: true }) : json(503, { ok: false, why });
    }
    case '/api/status':
      return json(200, pages.status());
    case '/metrics': {
      const registry = await metrics();
      return send(200, registry.contentType, await registry.metrics());
    }
    default:
      return json(404, { error: 'there is no such page' });
  }
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
