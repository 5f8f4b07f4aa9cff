import { rmSync } from 'node:fs';
import type { Logger } from 'pino';
import { type Clock, every } from '../core/clock/clock.js';
import type { Alarm } from './alarm/alarm.js';
import { storageCondition } from './conditions.js';
import type { ResolvedSite } from './config/resolve.js';
import { Forwarder } from './forward/forward.js';
import type { GivenUpRows } from './given-up.js';
import { RingClient } from './ring/client.js';
import { type Salvage, salvagedFiles } from './ring/salvage.js';

const LOOK_MS = 10_000;

/**
 * After a damaged ring: says so (an alert, and a gap for what could not be read), and forwards what was salvaged,
 * under its own epoch, until the relay holds it all.
 */
export async function forwardSalvaged(
  site: ResolvedSite,
  ring: RingClient,
  alarm: Alarm,
  givenUp: GivenUpRows,
  clock: Clock,
  log: Logger,
): Promise<{ stop(): Promise<void> }[]> {
  if (ring.salvage) report(ring, ring.salvage, alarm, clock, log);
  else alarm.condition(storageCondition(false));
  if (!site.config.relay) return [];
  return Promise.all(
    salvagedFiles(site.config.data).map((file) => forwardFile(file, site, givenUp, clock, log)),
  );
}

function report(ring: RingClient, salvage: Salvage, alarm: Alarm, clock: Clock, log: Logger): void {
  const { why, saved, lost, epoch } = salvage;
  log.error(
    { why, saved, lost },
    'the ring was damaged: what could be read was salvaged, a new one was begun',
  );
  const at = new Date(clock.wall()).toISOString();
  // The times of lost rows are as lost as the rows: their numbers, and now, are what is known.
  const gap = { reason: 'corrupt' as const, since: at, until: at, ...(epoch === undefined ? {} : { epoch }) };
  for (const { stream, ...range } of lost) {
    if (stream === 'events') continue;
    const which = stream === 'readings' ? {} : { stream };
    ring.appendEvent({ type: 'gap', gap: { ...gap, ...which, ...range } });
  }
  if (salvage.file === undefined) ring.appendEvent({ type: 'gap', gap });
  const rows = lost.reduce((sum, { from, to }) => sum + (to ?? from) - from + 1, 0);
  const rest =
    salvage.file === undefined
      ? 'nothing could be read'
      : `${saved} rows were saved, at least ${rows} were lost`;
  alarm.condition(storageCondition(true, `it was damaged: ${rest}`));
}

async function forwardFile(
  file: string,
  { config }: ResolvedSite,
  givenUp: GivenUpRows,
  clock: Clock,
  log: Logger,
) {
  const old = await RingClient.open({
    file,
    boot: 'salvaged',
    capacity: 2 ** 40,
    finished: true,
    flushMs: config.ring.flush,
    clock,
  });
  const forwarder = new Forwarder({
    config: config.relay!,
    clinic: config.clinic.id,
    gateway: config.gateway,
    ring: old,
    clock,
    random: Math.random,
    onState: () => {},
    onGivenUp: (row) => givenUp.report(row, old.epoch),
  });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= (async () => {
      timer.cancel();
      await forwarder.stop(0);
      await old.close();
    })();
    return closing;
  };
  const timer = every(clock, LOOK_MS, () => {
    if (!forwarder.learned || forwarder.backlog > 0) return;
    log.info({ epoch: old.epoch }, 'the relay holds all that was salvaged');
    void close().then(() => {
      for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
    });
  });
  forwarder.start();
  return { stop: close };
}
