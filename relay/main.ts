import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { type Clock, sleep } from '../core/clock/clock.js';
import type { Batch } from '../core/contract/batch.js';
import { logged } from '../core/errors.js';
import { retrySchedule } from '../core/retry.js';
import { SystemClock } from '../host/clock.js';
import type { ClaimFolder } from '../host/folder-lock.js';
import { acceptRoutes } from './accept/accept.js';
import { subscribe } from './accept/mqtt.js';
import { sourcePorter, sourceRoutes } from './accept/source-routes.js';
import type { SourceStats } from './accept/sources.js';
import { runAlerts } from './alerts/alerting.js';
import { Archiver } from './archive/archiver.js';
import { openArchive } from './archive/open.js';
import { historyRoutes } from './archive/routes.js';
import type { RelayConfig } from './config/relay.js';
import { LiveFeed } from './dashboard/feed.js';
import { LiveView } from './dashboard/live.js';
import { dashboardRoutes } from './dashboard/routes.js';
import { openEnrolment } from './enrol/open.js';
import { enrolRoutes } from './enrol/routes.js';
import { Gateways } from './gateways/gateways.js';
import { relayMetrics } from './health/metrics.js';
import { openLog } from './log/open.js';
import type { Log } from './log/port.js';
import { Registry } from './registry/kept.js';
import { registryPorter, registryRoutes } from './registry/routes.js';
import { runStreams } from './streams/embedded/job.js';
import { OtlpExporter } from './traces/otlp.js';
import { spansOf } from './traces/spans.js';
import { guard } from './web/guard.js';
import { loginRoutes } from './web/login.js';
import { openServer } from './web/server.js';
import { Tries } from './web/tries.js';
import { describeViewers, Viewers } from './web/viewers.js';

export interface RunningRelay {
  port: number;
  stop(): Promise<void>;
}

/** No more than that this relay runs and can take something. */
const open = (about: string) => ({ config: { door: 'anyone' as const, about } });

const HEALTH = open('200 while this relay runs: `{ok}`');
const READY = open('200 while it can take something, 503 else: `{ok}`; its log says why');
const METRICS = { config: { about: 'Metrics for Prometheus' } };

/** Builds and wires the relay. Rejects when its log cannot be opened or its port is taken, or `stop` is aborted first. */
export async function startRelay(
  config: RelayConfig,
  log: Logger,
  claim: ClaimFolder,
  stop?: AbortSignal,
): Promise<RunningRelay> {
  const clock = new SystemClock();
  if (keepsFiles(config)) claim(config.data);
  const records = await openLog(config, clock, log, stop ? { stop } : {});
  try {
    const web = await openWeb(config, { records, clock, log });
    const stages = await openStages(config, web, { records, clock, log });
    serveHealth(web.app, records, stages.metrics);
    try {
      await web.app.listen({ host: config.http.host, port: config.http.port });
    } catch (error) {
      await stages.stop();
      throw error;
    }
    const { port } = web.app.server.address() as AddressInfo;
    log.info({ port, log: config.kafka ? 'kafka' : 'embedded' }, 'the relay takes batches');
    sayWhoMayEnter(config, web.gateways, log);
    return { port, stop: () => stopAll(web, stages, records) };
  } catch (error) {
    await records.close();
    throw error;
  }
}

interface Ground {
  records: Log;
  clock: Clock;
  log: Logger;
}

/** The server and who may enter; no route but the log-in yet. */
async function openWeb(config: RelayConfig, { records, clock, log }: Ground) {
  const enrolment = config.enrol && (await openEnrolment(config.enrol, { log: records, clock, logger: log }));
  const { app, strangers, stats } = openServer(config.http, log, enrolment?.roots);
  const gateways = new Gateways(config, enrolment?.enrolled);
  const tries = new Tries(clock);
  const viewers = new Viewers(config.viewers, config.http, clock, tries);
  const porters = {
    viewer: viewers.porter,
    gateway: gateways.porter,
    source: sourcePorter(config.sources, clock),
    registry: registryPorter(config.registry, tries),
  };
  guard(app, porters, strangers);
  loginRoutes(app, viewers);
  if (enrolment) enrolRoutes(app, enrolment.enrolments, { gateways, tries });
  return { app, stats, gateways, viewers, enrolment };
}

type Web = Awaited<ReturnType<typeof openWeb>>;

/** What takes, computes, keeps and shows. */
async function openStages(config: RelayConfig, { app, stats: web, gateways, viewers }: Web, ground: Ground) {
  const { records, clock, log } = ground;
  const traces = config.traces && openTraces(config.traces, clock, log);
  const accept = acceptRoutes(app, records, gateways, traces?.onDurable);
  const sources: SourceStats = new Map();
  sourceRoutes(app, records, config.sources, clock, sources);
  const live = new LiveView();
  const feed = new LiveFeed(records, live, clock);
  const endStreams = dashboardRoutes(app, live, feed, viewers, clock);
  const embedded = config.streams ?? !config.kafka;
  const streams = embedded ? await runStreams(records, streamSettings(config), clock, log) : undefined;
  const alerts = runAlerts(records, config.alert_on, clock, log);
  const brokers = config.mqtt.map((broker) => subscribe(broker, records, clock, log, sources));
  const registry = config.registry && new Registry(records, clock, log);
  if (registry) registryRoutes(app, registry, clock);
  const archiver = config.archive && openArchiver(config, config.archive, records, clock, log);
  if (archiver) historyRoutes(app, () => archiver.archive);
  const metrics = relayMetrics({
    web,
    accept,
    sources,
    streams,
    alerts: alerts.stats,
    schemas: registry,
    traces: traces?.exporter.stats,
    archive: archiver,
    lag: () => records.lag(),
    unreadable: () => records.unreadable,
  });
  const stop = async () => {
    await feed.stop();
    // Sources first: what they still append, the streams and the archive may see.
    await Promise.all([alerts.duty, ...brokers].map((duty) => duty.stop()));
    await streams?.stop();
    await archiver?.stop();
    await registry?.close();
  };
  return { metrics, endStreams, exporter: traces?.exporter, stop };
}

type Stages = Awaited<ReturnType<typeof openStages>>;

async function stopAll({ app, enrolment }: Web, stages: Stages, records: Log): Promise<void> {
  stages.endStreams();
  await app.close();
  await stages.stop();
  await enrolment?.close();
  // A collector that does not answer must not keep the log from being closed.
  await Promise.all([stages.exporter?.close(), records.close()]);
}

function serveHealth(app: FastifyInstance, records: Log, metrics: Stages['metrics']): void {
  app.get('/healthz', HEALTH, async () => ({ ok: true }));
  app.get('/readyz', READY, async (request, reply) => {
    try {
      await records.ready();
      return { ok: true };
    } catch (error) {
      // Whoever asks is told that, and the log why.
      request.log.warn(logged(error), 'not ready');
      return reply.code(503).send({ ok: false });
    }
  });
  app.get('/metrics', METRICS, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.metrics()),
  );
}

/** Relays that keep everything in databases of others may share a folder that none of them writes to. */
const keepsFiles = ({ kafka, archive }: RelayConfig) =>
  !kafka || (archive !== undefined && archive.postgres === undefined);

const streamSettings = ({ sources, regions }: RelayConfig) => ({
  reorder: sources?.reorder ?? {},
  regions,
});

function openTraces(
  { otlp: url, headers, readings }: NonNullable<RelayConfig['traces']>,
  clock: Clock,
  log: Logger,
) {
  const exporter = new OtlpExporter({ url, headers }, clock, log);
  const each = readings === 0 ? Number.POSITIVE_INFINITY : Math.round(1 / readings);
  const onDurable = (batch: Batch) => {
    for (const span of spansOf(batch, each, clock.wall())) exporter.add(span);
  };
  return { exporter, onDurable };
}

function openArchiver(
  { data }: RelayConfig,
  archive: NonNullable<RelayConfig['archive']>,
  records: Log,
  clock: Clock,
  log: Logger,
): Archiver {
  const keep = { readingsMs: archive.readings_for, aggregatesMs: archive.aggregates_for };
  const archiver = new Archiver(records, () => openArchive(archive, data, log), keep, clock, log);
  archiver.start();
  return archiver;
}

/** What is open, and what is closed, in plain words at each start. */
function sayWhoMayEnter(config: RelayConfig, gateways: Gateways, log: Logger): void {
  if (!gateways.closed)
    log.warn(
      'anybody may send as any gateway: neither `gateways`, `tokens` nor `http.tls.client_ca` is configured',
    );
  const { closed, text } = describeViewers(config.viewers);
  if (closed || config.viewers?.open_to.some((range) => range.endsWith('/0'))) log.warn(text);
  else log.info(text);
}

/** Runs until SIGTERM or SIGINT, then drains; a Kafka that is not there yet is waited for. */
export async function runRelay(config: RelayConfig, log: Logger, claim: ClaimFolder): Promise<void> {
  const clock = new SystemClock();
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  const starting = startWhenPossible(config, clock, log, claim, stop.signal);
  const relay = await Promise.race([starting, aborted(stop.signal)]);
  if (!relay) {
    // Stopped while the log opened: the group of relays is left, so that the others need not wait.
    await Promise.race([starting.then((late) => late?.stop()), sleep(clock, 4500)]);
    return;
  }
  await aborted(stop.signal);
  log.info('stopping');
  await Promise.race([relay.stop(), sleep(clock, 4500)]);
}

const aborted = (signal: AbortSignal) =>
  new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });

/** Relays are few: a Kafka that comes back need not be spared their coming, and gateways wait. */
const OPEN_AGAIN_MS = 2000;

async function startWhenPossible(
  config: RelayConfig,
  clock: Clock,
  log: Logger,
  claim: ClaimFolder,
  stop: AbortSignal,
) {
  const delays = retrySchedule({ firstMs: 500, maxMs: OPEN_AGAIN_MS }, Math.random);
  for (;;) {
    try {
      return await startRelay(config, log, claim, stop);
    } catch (error) {
      if (stop.aborted) return undefined;
      if (!(error as { retry?: boolean }).retry) throw error;
      log.warn(logged(error), 'the log is not there yet: trying again');
      await sleep(clock, delays.next().value, stop);
      if (stop.aborted) return undefined;
    }
  }
}
