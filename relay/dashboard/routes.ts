import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import { type Clock, every } from '../../core/clock/clock.js';
import type { Sessions } from '../web/port.js';
import type { LiveFeed } from './feed.js';
import type { LiveView } from './live.js';

const PUSH_MS = 500;
/** A browser that does not read is let go, not buffered for. */
const BUFFERED_MAX = 4 * 1024 * 1024;
const WATCHERS_MAX = 100;
const BEAT_MS = 15_000;

const LIVE = 'What the page shows now, as JSON: clinics, sensors, open alerts';
const STREAM = 'The same, and then each change, as server-sent events';

/** The page at `/`, and its stream of changes by server-sent events. Returns what ends the open streams. */
export function dashboardRoutes(
  app: FastifyInstance,
  live: LiveView,
  feed: LiveFeed,
  sessions: Sessions,
  clock: Clock,
): () => void {
  const files = pageFiles();
  for (const [path, { type, body }] of Object.entries(files)) {
    // The page has no data: only what it asks for does. The log-in page uses the same style sheet.
    const config =
      path === '/'
        ? { door: 'viewer' as const, about: 'The live page' }
        : { door: 'anyone' as const, about: 'Files of the page' };
    app.get(path, { config }, (_request, reply) => reply.type(type).send(body));
  }
  app.get('/api/live', { config: { about: LIVE } }, async () => {
    await feed.watch();
    return live.snapshot();
  });

  const watchers = new Set<() => void>();
  app.get('/api/stream', { config: { about: STREAM } }, async (request, reply) => {
    await feed.watch();
    if (watchers.size >= WATCHERS_MAX) {
      return reply.code(503).send({ error: 'busy', message: 'too many open dashboards' });
    }
    const until = sessions.sessionEnd(request) ?? Number.POSITIVE_INFINITY;
    const headers = reply.getHeaders() as Record<string, string>;
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, { ...headers, 'content-type': 'text/event-stream' });
    const write = (text: string) => {
      if (raw.writableLength > BUFFERED_MAX) raw.destroy();
      else raw.write(text);
    };
    const send = (update: unknown) => write(`data: ${JSON.stringify(update)}\n\n`);
    send({ type: 'beat', now: clock.wall() });
    send(live.snapshot());
    const unlisten = live.listen(send);
    const end = () => raw.end();
    // Proxies and our own time-out cut what says nothing; a session that is over sees nothing more.
    const beat = every(clock, BEAT_MS, () =>
      clock.wall() < until ? send({ type: 'beat', now: clock.wall() }) : end(),
    );
    watchers.add(end);
    raw.on('close', () => {
      beat.cancel();
      unlisten();
      watchers.delete(end);
    });
  });

  const pushing = every(clock, PUSH_MS, () => live.flush());
  return () => {
    pushing.cancel();
    for (const end of watchers) end();
  };
}

function pageFiles(): Record<string, { type: string; body: string }> {
  const here = fileURLToPath(new URL('./page/', import.meta.url)).replace(/\/dist\//, '/');
  const uplot = join(dirname(createRequire(import.meta.url).resolve('uplot')), '..', 'dist');
  const load = (folder: string, name: string) => readFileSync(join(folder, name), 'utf8');
  return {
    '/': { type: 'text/html; charset=utf-8', body: load(here, 'index.html') },
    '/page.js': { type: 'text/javascript', body: load(here, 'page.js') },
    '/words.js': { type: 'text/javascript', body: load(here, 'words.js') },
    '/chart.js': { type: 'text/javascript', body: load(here, 'chart.js') },
    '/page.css': { type: 'text/css', body: load(here, 'page.css') },
    '/uplot.js': { type: 'text/javascript', body: load(uplot, 'uPlot.esm.js') },
    '/uplot.css': { type: 'text/css', body: load(uplot, 'uPlot.min.css') },
  };
}
