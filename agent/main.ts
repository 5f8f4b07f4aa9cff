import type { Logger } from 'pino';
import { every, sleep } from '../core/clock/clock.js';
import { countOf } from '../core/contract/ranges.js';
import { type ErrorCode, logged, messageOf } from '../core/errors.js';
import type { PolicyEffect } from '../core/policy/local.js';
import type { Reading } from '../core/reading.js';
import type { ClaimFolder } from '../host/folder-lock.js';
import { Alarm } from './alarm/alarm.js';
import {
  filesCondition,
  identityCondition,
  RING_FILES,
  RING_FULL,
  storageCondition,
} from './alarm/conditions.js';
import { serveHealth } from './console/http.js';
import { agentStatus, type Parts, type SiteFile } from './console/status.js';
import type { Driver, Receipt } from './drivers/driver.js';
import { loadDrivers } from './drivers/open.js';
import { writeWithinMs } from './forward/schema.js';
import { Board } from './ingest/board.js';
import { DeviceTimes } from './ingest/device-times.js';
import { IdentityBook } from './ingest/identity.js';
import { Ingest } from './ingest/ingest.js';
import { Poller } from './ingest/poll.js';
import { alarmSensors } from './site/alarm-sensors.js';
import { announceSensors } from './site/announce.js';
import { inputChecksOf } from './site/input-checks.js';
import { type Former, leftBehind } from './site/left-behind.js';
import type { ResolvedSite } from './site/resolve.js';
import { readBoot } from './watch/boot.js';
import { watchCalibration } from './watch/calibration.js';
import { GivenUpRows } from './watch/given-up.js';
import { STOPPED, watchSilence } from './watch/silence.js';
import { type Startable, Starts } from './watch/starts.js';
import { systemdNotifier } from './watch/systemd.js';
import { lazyLines, openAnnunciator, openButton, openForwarder } from './wire/parts.js';
import { awaitCard, openRing, ringFile, ringLimits } from './wire/ring.js';
import { lostOf, nameLost, Salvaged } from './wire/salvaged.js';

/** Sampling counts as alive when some attempt ended within this time. */
const ALIVE_MS = 120_000;
/** How often the site file is looked at for a change. */
const SITE_LOOK_MS = 3000;
/** Of the five seconds that a stop may take, what the request under way gets. */
const DRAIN_MS = 2000;
const GRACE_MS = 2500;

export interface AgentOptions {
  claim: ClaimFolder;
  /** Called when only a new start can help; the service manager gives it. */
  onFatal: () => void;
  /** What became of the site file since the program started. */
  file?: SiteFile;
  /** This start takes a changed site file. */
  changed?: boolean;
  /** What it leaves behind of the one before. */
  leftBehind?: readonly string[];
  /** What people saw of the sensors until then. */
  former?: Board;
}

export interface RunningAgent {
  board: Board;
  /** What a new site file might leave behind. */
  former(): Former;
  stop(): Promise<void>;
}

/** Builds and wires the agent. Resolves once sampling runs; a relay or broker that is down delays nothing. */
export async function startAgent(
  site: ResolvedSite,
  log: Logger,
  options: AgentOptions,
): Promise<RunningAgent> {
  const { config } = site;
  const { id: boot, clock } = readBoot(config.clock.synchronised_file);
  const loading = loadDrivers(site);
  loading.catch(() => {});
  const { ring, cardFailure } = await openRing(site, options.claim, {
    boot,
    limits: ringLimits(site),
    flushMs: config.ring.flush,
    withinMs: writeWithinMs(config.relay),
    clock,
    onHealth: (failure) => {
      if (failure === null) log.info('the card takes readings again');
      else log.error({ failure }, 'the card does not take readings');
      alarm.condition(storageCondition(failure !== null, failure ?? undefined));
    },
    onFull: () => log.warn({ code: 'ring.full' satisfies ErrorCode }, RING_FULL),
    onDamage: (damage) => {
      log.fatal({ damage }, 'the ring’s file is damaged: starting anew to salvage it');
      options.onFatal();
    },
    onLost: (stream, rows) => {
      log.error({ stream, rows }, 'stored rows are not as they were written: they are lost');
      nameLost(ring, clock, lostOf(stream, rows));
      const what = `${countOf(rows)} of the ${stream} that it keeps cannot be read any more`;
      alarm.condition(storageCondition(true, what));
    },
    onRestored: () => befell('ring-removed'),
    onVanished: () => {
      befell('ring-vanished');
      const now = new Date(clock.wall()).toISOString();
      ring.appendEvent({ type: 'gap', gap: { reason: 'corrupt', since: now, until: now } });
    },
    onEvents: () => forwarder?.poke(),
  });
  /** What an earlier start has found stands until the next one. */
  const befell = (rule: keyof typeof RING_FILES) => {
    log.error({ rule }, `the ring: ${RING_FILES[rule]}`);
    alarm.condition(filesCondition(rule, true));
  };
  const lines = lazyLines(config.gpio.root, clock);
  const sensors = alarmSensors(site);
  const board = new Board(sensors);
  if (options.former) board.takeOver(options.former);
  const forwarder = openForwarder(site, ring, clock, log, (row) => givenUp.report(row));

  const annunciate = (effect: PolicyEffect, open: number) => annunciator.carryOut(effect, open);
  const alarm = new Alarm({
    gateway: config.gateway,
    sensors,
    policy: config.alarm,
    ring,
    clock,
    annunciate,
    onProblem: (error) =>
      log.error(logged(error), 'what the alarm knew of before is not all there: it goes on without'),
  });
  const givenUp = new GivenUpRows({ ring, alarm, clock, log });
  const starts = new Starts({ alarm, clock, log });
  const annunciator = openAnnunciator(site, alarm, board, ring, clock, lines, log);

  let lastBeat = clock.mono() as number;
  const beat = () => {
    lastBeat = clock.mono();
  };
  const checks = new Map(site.sensors.map((sensor) => [sensor.id, inputChecksOf(sensor)]));
  const identities = new IdentityBook(
    ring.loadState('identity'),
    new Map(site.sensors.map(({ id, source }) => [id, 'device' in source ? source.device : undefined])),
    (known) => ring.saveState('identity', known),
  );
  const times = new DeviceTimes(ring);
  const ingest = new Ingest(
    { checks, clock, timeline: () => ring.timeline(), board, identities, times },
    {
      readings: (readings, receipt) => {
        record(readings, receipt);
        beat();
      },
      failure: (sensor, reason) => alarm.failure(sensor, reason),
      identity: (sensor, device, other) => alarm.condition(identityCondition(site, sensor, device, other)),
    },
  );

  /** The ring and the alarm stand side by side: neither waits for the other, and no fault of one stops the other. */
  function record(readings: readonly Reading[], receipt: Receipt | undefined): void {
    let kept = true;
    for (const reading of readings) {
      let seq = ring.head('readings');
      try {
        seq = ring.append(reading);
      } catch (error) {
        kept = false;
        log.error(logged(error), 'a reading was not kept');
      }
      alarm.reading(reading, seq);
    }
    // Unconfirmed, a broker keeps what we could not.
    if (receipt && kept) ring.whenKept(receipt);
  }

  const openDrivers = await loading;
  const drivers = await openDrivers({ clock, lines, store: ring, log });
  announceSensors(site, ring, clock);
  annunciator.start();
  await alarm.start();
  await times.catchUp();
  for (const rule of ['ring-removed', 'ring-vanished'] as const) alarm.condition(filesCondition(rule, false));
  for (const driver of drivers) await starts.add(startable(driver, ingest));
  const poller = new Poller(
    drivers.flatMap((driver) => driver.probes),
    clock,
    ingest,
    beat,
  );
  openButton(site, lines, annunciator, log);
  const silence = watchSilence(ring, boot, clock);
  const timesWatch = times.watch(clock);
  const givenUpWatch = givenUp.watch();
  const calibration = watchCalibration(site.sensors, clock, (condition) => alarm.condition(condition));
  if (options.changed) {
    const at = new Date(clock.wall()).toISOString();
    ring.appendEvent({
      type: 'audit',
      audit: {
        action: 'config_changed',
        at,
        detail: [`${sensors.length} sensors`, ...(options.leftBehind ?? [])].join('; ').slice(0, 400),
      },
    });
  }
  forwarder?.forwarder.start();
  if (cardFailure !== null) {
    log.error({ cardFailure }, 'the card cannot be used: readings are kept in memory only');
    alarm.condition(storageCondition(true, `${cardFailure}; readings are kept in memory only`));
    awaitCard(site, options.claim, ring, clock, async () => {
      log.warn('the card can be used again: starting anew, on the card');
      await drain();
      await ring.moveTo(ringFile(site));
      options.onFatal();
    });
  }
  const salvaged =
    cardFailure === null ? new Salvaged({ site, ring, alarm, givenUp, clock, log }) : undefined;
  salvaged?.start();

  const healthy = () =>
    clock.mono() - lastBeat < ALIVE_MS || drivers.every((driver) => driver.probes.length === 0);
  const parts = { site, file: options.file, board, ring, alarm, forward: forwarder, givenUp, starts, clock };
  const unwell = () => {
    const [first] = starts.failing;
    if (first) return `${first.name} has not started: ${first.problem}`;
    return healthy() ? null : 'sampling has stopped';
  };
  const pages = { status: () => agentStatus(parts), unwell, registry: () => openRegistry(parts) };
  let health: Awaited<ReturnType<typeof serveHealth>> | undefined;
  await starts.add({
    name: 'status page',
    lacks: 'Nobody can look at this gateway',
    severity: 'warning',
    start: async () => {
      health = await serveHealth(config.http.host, config.http.port, pages);
    },
  });
  starts.forgetOthers();
  const systemd = systemdNotifier(clock, process.env, healthy);
  systemd.ready();
  log.info(
    { sensors: sensors.length, http: health?.port ?? null, epoch: ring.epoch },
    'the agent is sampling',
  );

  async function drain(): Promise<void> {
    systemd.stopping();
    starts.stop();
    poller.stop();
    silence.cancel();
    calibration.cancel();
    givenUpWatch.cancel();
    timesWatch.cancel();
    const parts = [
      ...drivers,
      annunciator,
      { stop: () => forwarder?.forwarder.stop(DRAIN_MS) },
      ...(salvaged ? [salvaged] : []),
      { stop: async () => health?.close() },
    ];
    // What hangs (a bus, a modem in mid-sentence) is left behind: the ring must be closed in time.
    await Promise.race([Promise.allSettled(parts.map((part) => part.stop())), sleep(clock, GRACE_MS)]);
    alarm.stop();
    times.save();
    lines.close();
  }

  return {
    board,
    former: () => ({
      folder: config.data,
      unsent: forwarder?.forwarder.backlog ?? null,
      watched: sensors.map(({ id }) => id),
      open: alarm.open,
    }),
    stop: async () => {
      await drain();
      ring.saveState(STOPPED, true);
      await ring.close();
    },
  };
}

/** Prometheus's own library is loaded when something first asks for metrics. */
async function openRegistry(parts: Parts) {
  const { agentMetrics } = await import('./metrics/metrics.js');
  const { metricSources } = await import('./metrics/sources.js');
  const { clinic, gateway } = parts.site.config;
  return agentMetrics(metricSources(parts), { clinic: clinic.id, gateway });
}

/** What a failed start has opened is closed again. */
function startable(driver: Driver, ingest: Ingest): Startable {
  const start = () =>
    driver.start(ingest).catch(async (error: unknown) => {
      await driver.stop();
      throw error;
    });
  return { name: driver.name, lacks: 'Its sensors are not read', severity: 'critical', start };
}

/** Where the site file comes from, so that a change is taken while the agent runs. */
export interface SiteSource {
  /** Another text for each state of the file. */
  stamp(): string;
  /** The site, or every problem that it has. */
  load(): { site: ResolvedSite } | { problems: string[] };
}

/**
 * Runs until SIGTERM or SIGINT, then drains; five seconds later at the latest the process ends. A changed site file (or
 * SIGHUP) is taken within seconds; a bad one is refused, and the agent runs on as it was.
 */
export async function runAgent(
  first: ResolvedSite,
  source: SiteSource,
  log: Logger,
  claim: ClaimFolder,
): Promise<void> {
  const { clock } = readBoot(first.config.clock.synchronised_file);
  const file: SiteFile = { problems: [], leftBehind: [], loadedAt: clock.wall() };
  const options = (former?: Board, leftBehind?: readonly string[]): AgentOptions => ({
    claim,
    onFatal: () => process.exit(1),
    file,
    changed: leftBehind !== undefined,
    ...(leftBehind ? { leftBehind } : {}),
    ...(former ? { former } : {}),
  });
  let site = first;
  let agent = await startAgent(site, log, options());
  let turn: Promise<void> = Promise.resolve();
  let stamp = source.stamp();
  const reload = () => {
    turn = turn.then(async () => {
      stamp = source.stamp();
      const loaded = source.load();
      file.problems = 'problems' in loaded ? loaded.problems : [];
      for (const problem of file.problems)
        log.error({ problem }, 'the new site file is refused: the old one runs on');
      if ('problems' in loaded) return;
      const before = site;
      const left = leftBehind(agent.former(), loaded.site);
      await agent.stop();
      try {
        agent = await startAgent(loaded.site, log, options(agent.board, left));
        site = loaded.site;
        file.loadedAt = clock.wall();
        file.leftBehind = left;
        for (const what of left) log.warn({ what }, 'the changed site file leaves something behind');
        log.level = site.config.log.level;
        log.info('the changed site file is in force');
      } catch (error) {
        file.problems = [messageOf(error)];
        log.error(logged(error), 'the agent does not start with the new site file: the old one runs on');
        agent = await startAgent(before, log, options(agent.board));
      }
    });
  };
  const watch = every(clock, SITE_LOOK_MS, () => source.stamp() !== stamp && reload());
  process.on('SIGHUP', reload);
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  watch.cancel();
  log.info('stopping');
  await Promise.race([turn.then(() => agent.stop()), sleep(clock, 4500)]);
}
