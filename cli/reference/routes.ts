import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance, RouteOptions } from 'fastify';
import { pino } from 'pino';
import { SystemClock } from '../../host/clock.js';
import { relaySchema } from '../../relay/config/relay.js';
import { Authority, makeAuthority } from '../../relay/enrol/ca.js';
import { startRelay } from '../../relay/main.js';
import type { Door } from '../../relay/web/guard.js';

const HOUR_MS = 3_600_000;

export interface Route {
  method: string;
  url: string;
  door: Door;
  about: string;
}

export interface RelayDoors {
  routes: Route[];
  /** What `/metrics` answers. */
  metrics: string;
}

/** Every route of a relay with all that it can have, and its metrics, as the running program has them. */
export async function relayDoors(): Promise<RelayDoors> {
  let metrics = '';
  const seen: RouteOptions[] = [];
  let app: FastifyInstance | undefined;
  // The web server’s own announcement of each of its instances.
  const onServer = (message: unknown) => {
    app = (message as { fastify: FastifyInstance }).fastify;
    app.addHook('onRoute', (route) => void seen.push(route));
  };
  const data = mkdtempSync(join(tmpdir(), 'coldwatch-routes-'));
  subscribe('fastify.initialization', onServer);
  try {
    const [ca, cert, key] = [join(data, 'ca'), join(data, 'relay.pem'), join(data, 'relay.key')];
    const now = new SystemClock().wall();
    await makeAuthority(ca, 'docs', now);
    const shown = await (await Authority.open(ca)).certifyRelay(['127.0.0.1'], new Date(now + HOUR_MS));
    writeFileSync(cert, shown.certificate);
    writeFileSync(key, shown.key);
    const config = relaySchema.parse({
      data: join(data, 'relay'),
      http: { host: '127.0.0.1', port: 0, tls: { cert, key } },
      enrol: { ca },
      archive: {},
      registry: { username: 'docs', password: 'not used by anybody' },
      sources: {},
      traces: { otlp: 'http://127.0.0.1:9' },
      viewers: { open_to: ['127.0.0.1/32'] },
      log: { level: 'error' },
    });
    const relay = await startRelay(config, pino({ enabled: false }), () => {});
    metrics = (await app?.inject('/metrics'))?.payload ?? '';
    await relay.stop();
  } finally {
    unsubscribe('fastify.initialization', onServer);
    rmSync(data, { recursive: true, force: true });
  }
  const routes = seen.flatMap(({ method, url, config }) =>
    [method]
      .flat()
      .filter((name) => name !== 'HEAD')
      .map((name) => ({ method: name, url, door: config?.door ?? 'viewer', about: config?.about ?? '' })),
  );
  return { routes, metrics };
}
