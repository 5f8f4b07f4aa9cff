import type { Logger } from 'pino';
import { sleep, type Timer } from '../core/clock/clock.js';
import type { ClaimFolder } from '../host/folder-lock.js';
import { filesCondition, storageCondition } from './alarm/conditions.js';
import type { Driver } from './drivers/driver.js';
import { loadDrivers } from './drivers/open.js';
import type { Board } from './ingest/board.js';
import { Poller } from './ingest/poll.js';
import { announceSensors } from './site/announce.js';
import { type Reloadable, type SiteFile, SiteReload, type SiteSource } from './site/reload.js';
import type { ResolvedSite } from './site/resolve.js';
import { readBoot } from './watch/boot.js';
import { watchCalibration } from './watch/calibration.js';
import { STOPPED, watchSilence } from './watch/silence.js';
import { systemdNotifier } from './watch/systemd.js';
import { openButton } from './wire/annunciator.js';
import { openConsole } from './wire/console.js';
import { startable } from './wire/drivers.js';
import { awaitCard, openRing } from './wire/ring.js';
import { ringListener } from './wire/ring-news.js';
import { Salvaged } from './wire/salvaged.js';
import { openStages, type Stages } from './wire/stages.js';

/** Of the five seconds that a stop may take, what the request under way gets. */
const DRAIN_MS = 2000;
const GRACE_MS = 2500;
/** After this long a stop is as good as done. */
const STOP_MS = 4500;
/** Of what an audit event says. */
const DETAIL_MAX = 400;

export interface AgentOptions {
  claim: ClaimFolder;
  /** Called when only a new start can help; the service manager gives it. */
  onFatal: () => void;
  /** What became of the site file since the program started. */
  file: SiteFile;
  /** Set when this start takes a changed site file: what that leaves behind of the one before. */
  leftBehind?: readonly string[] | undefined;
  /** What people saw of the sensors until then. */
  former?: Board | undefined;
}

export interface RunningAgent extends Reloadable {
  board: Board;
}

/** What runs beside the stages, and is ended with them. */
interface Running {
  drivers: readonly Driver[];
  poller: Poller;
  watches: readonly Timer[];
  salvaged: Salvaged | undefined;
  page: { stop(): Promise<unknown> };
  systemd: { stopping(): void };
}

/** Builds and wires the agent. Resolves once sampling runs; a relay or broker that is down delays nothing. */
export async function startAgent(
  site: ResolvedSite,
  log: Logger,
  options: AgentOptions,
): Promise<RunningAgent> {
  const { claim, onFatal, file } = options;
  const { id: boot, clock } = readBoot(site.config.clock.synchronised_file);
  const loading = loadDrivers(site);
  loading.catch(() => {});
  const { ring, cardFailure, news } = await openRing(site, { claim, boot, clock });
  const stages = openStages({ site, ring, clock, log }, options.former);
  news.tell(ringListener({ ...stages, onFatal }));
  const { lines, heartbeat, starts } = stages;
  const openDrivers = await loading;
  const drivers = await openDrivers({ clock, lines, store: ring, log });
  const poller = await startSampling(stages, drivers);
  const watches = startWatches(stages, boot);
  if (options.leftBehind) recordChange(stages, options.leftBehind);
  stages.forward?.forwarder.start();
  const salvaged = lookAfterStorage(stages, cardFailure);
  const polls = drivers.some(({ probes }) => probes.length > 0);
  const healthy = () => heartbeat.alive || !polls;
  const page = await openConsole({ ...stages, file }, healthy);
  starts.forgetOthers();
  const systemd = systemdNotifier(clock, process.env, healthy);
  systemd.ready();
  log.info(
    { sensors: stages.board.sensors.size, http: page.port, epoch: ring.epoch },
    'the agent is sampling',
  );
  const drain = () => drainAll(stages, { drivers, poller, watches, salvaged, page, systemd });
  if (cardFailure !== null) awaitCard(site, { claim, ring, clock, log, drain, onMoved: onFatal });
  return {
    board: stages.board,
    former: () => formerOf(stages),
    stop: async () => {
      await drain();
      ring.saveState(STOPPED, true);
      await ring.close();
    },
  };
}

/** What alarms runs before what is read, and before anything is read it knows all that was stored. */
async function startSampling(stages: Stages, drivers: readonly Driver[]): Promise<Poller> {
  const { site, ring, alarm, annunciator, times, ingest, starts, heartbeat, clock } = stages;
  announceSensors(site, ring, clock);
  annunciator.start();
  await alarm.start();
  await times.catchUp();
  for (const rule of ['ring-removed', 'ring-vanished'] as const) alarm.condition(filesCondition(rule, false));
  for (const driver of drivers) await starts.add(startable(driver, ingest));
  const probes = drivers.flatMap((driver) => driver.probes);
  const poller = new Poller(probes, clock, ingest, heartbeat.beat);
  openButton(site, stages);
  return poller;
}

function startWatches({ site, ring, alarm, givenUp, times, clock }: Stages, boot: string): Timer[] {
  return [
    watchSilence(ring, boot, clock),
    times.watch(clock),
    givenUp.watch(),
    watchCalibration(site.sensors, clock, (condition) => alarm.condition(condition)),
  ];
}

function recordChange({ ring, board, clock }: Stages, leftBehind: readonly string[]): void {
  const at = new Date(clock.wall()).toISOString();
  const detail = [`${board.sensors.size} sensors`, ...leftBehind].join('; ').slice(0, DETAIL_MAX);
  ring.appendEvent({ type: 'audit', audit: { action: 'config_changed', at, detail } });
}

/** On a card: what is left of rings before this one. Without: it is alarmed. */
function lookAfterStorage(stages: Stages, cardFailure: string | null): Salvaged | undefined {
  const { alarm, log } = stages;
  if (cardFailure === null) {
    const salvaged = new Salvaged(stages);
    salvaged.start();
    return salvaged;
  }
  log.error({ cardFailure }, 'the card cannot be used: readings are kept in memory only');
  alarm.condition(storageCondition(true, `${cardFailure}; readings are kept in memory only`));
  return undefined;
}

/** Ends all but the ring. */
async function drainAll(stages: Stages, running: Running): Promise<void> {
  const { starts, annunciator, forward, alarm, times, lines, clock } = stages;
  const { drivers, poller, watches, salvaged, page, systemd } = running;
  systemd.stopping();
  starts.stop();
  poller.stop();
  for (const watch of watches) watch.cancel();
  const stops = [
    ...drivers.map((driver) => driver.stop()),
    annunciator.stop(),
    forward?.forwarder.stop(DRAIN_MS),
    salvaged?.stop(),
    page.stop(),
  ];
  // What hangs (a bus, a modem in mid-sentence) is left behind: the ring must be closed in time.
  await Promise.race([Promise.allSettled(stops), sleep(clock, GRACE_MS)]);
  alarm.stop();
  times.save();
  lines.close();
}

const formerOf = ({ site, board, forward, alarm }: Stages) => ({
  folder: site.config.data,
  unsent: forward?.forwarder.backlog ?? null,
  watched: [...board.sensors.keys()],
  open: alarm.open,
});

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
  const reload = await SiteReload.start<RunningAgent>(first, {
    source,
    file,
    clock,
    log,
    start: (site, before, leftBehind) =>
      startAgent(site, log, {
        claim,
        onFatal: () => process.exit(1),
        file,
        leftBehind,
        former: before?.board,
      }),
  });
  const watch = reload.watch();
  process.on('SIGHUP', reload.reload);
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  watch.cancel();
  log.info('stopping');
  await Promise.race([reload.stop(), sleep(clock, STOP_MS)]);
}
