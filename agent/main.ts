import type { Logger } from 'pino';
import { type Clock, sleep } from '../core/clock/clock.js';
import { messageOf } from '../core/errors.js';
import type { PolicyEffect } from '../core/policy/local.js';
import type { Reading } from '../core/reading.js';
import { Alarm } from './alarm/alarm.js';
import type { AlarmSensor } from './alarm/state.js';
import { Annunciator } from './annunciate/annunciator.js';
import { Outbox } from './annunciate/outbox.js';
import { Modem } from './annunciate/sms/modem.js';
import { awaitCard, innermostLimits, openRing, ringFile } from './card.js';
import { contactRule } from './config/contact-rule.js';
import type { ResolvedSite } from './config/resolve.js';
import type { Driver, Lines, Receipt } from './drivers/driver.js';
import { openLines } from './drivers/gpio/lines.js';
import { loadDrivers } from './drivers/open.js';
import { Forwarder, type ForwardState } from './forward/forward.js';
import { readBoot } from './health/boot.js';
import { serveHealth } from './health/http.js';
import { watchSilence } from './health/silence.js';
import { agentStatus, type Parts, statusSources } from './health/status.js';
import { systemdNotifier } from './health/systemd.js';
import { Board } from './ingest/board.js';
import { Ingest } from './ingest/ingest.js';
import type { Limits } from './ingest/plausibility.js';
import { Poller } from './ingest/poll.js';
import type { RingClient } from './ring/client.js';
import { forwardSalvaged } from './salvaged.js';

/** Sampling counts as alive when some attempt ended within this time. */
const ALIVE_MS = 120_000;
/** Of the five seconds that a stop may take, what the request under way gets. */
const DRAIN_MS = 2000;
const GRACE_MS = 2500;

export interface AgentOptions {
  /** Called when only a new start can help; the service manager gives it. */
  onFatal: () => void;
}

export interface RunningAgent {
  httpPort: number;
  stop(): Promise<void>;
}

/** Builds and wires the agent. Resolves once sampling runs; a relay or broker that is down delays nothing. */
export async function startAgent(
  site: ResolvedSite,
  log: Logger,
  options: AgentOptions = { onFatal: () => process.exit(1) },
): Promise<RunningAgent> {
  const { config } = site;
  const { id: boot, clock } = readBoot(config.clock.synchronised_file);
  const loading = loadDrivers(site);
  loading.catch(() => {});
  const { ring, cardFailure } = await openRing(site, {
    boot,
    limits: innermostLimits(site),
    flushMs: config.ring.flush,
    clock,
    onHealth: (failure) => {
      const summary =
        failure === null ? 'The card takes readings again.' : `The card does not take readings: ${failure}`;
      log[failure === null ? 'info' : 'error'](summary);
      alarm.condition('storage', failure !== null, summary);
    },
    onDamage: (damage) => {
      log.fatal({ damage }, 'the ring’s file is damaged: starting anew to salvage it');
      options.onFatal();
    },
    onEvents: () => forwarder?.poke(),
  });
  const lines = lazyLines(config.gpio.root, clock);
  const sensors = alarmSensors(site);
  const board = new Board(sensors);
  const forwarder = openForwarder(site, ring, clock, log);

  const annunciate = (effect: PolicyEffect, open: number) => annunciator.carryOut(effect, open);
  const alarm = new Alarm({
    gateway: config.gateway,
    sensors,
    policy: config.alarm,
    ring,
    clock,
    annunciate,
  });
  const annunciator = openAnnunciator(site, alarm, board, ring, clock, lines, log);

  let lastBeat = clock.mono() as number;
  const beat = () => {
    lastBeat = clock.mono();
  };
  const limits = new Map<string, Limits | undefined>(site.sensors.map((s) => [s.id, s.device]));
  const ingest = new Ingest(limits, clock, () => ring.timeline(), board, {
    readings: (readings, receipt) => {
      record(readings, receipt);
      beat();
    },
    failure: (sensor, reason) => alarm.failure(sensor, reason),
  });

  /** The ring and the alarm stand side by side: neither waits for the other, and no fault of one stops the other. */
  function record(readings: readonly Reading[], receipt: Receipt | undefined): void {
    let kept = true;
    for (const reading of readings) {
      let seq = ring.head('readings');
      try {
        seq = ring.append(reading);
      } catch (error) {
        kept = false;
        log.error({ error: messageOf(error) }, 'a reading was not kept');
      }
      alarm.reading(reading, seq);
    }
    // Unconfirmed, a broker keeps what we could not.
    if (receipt && kept) ring.whenDurable(receipt);
  }

  const openDrivers = await loading;
  const drivers = await openDrivers({ clock, lines, store: ring, log });
  annunciator.start();
  await alarm.start();
  for (const driver of drivers) await startDriver(driver, ingest, log);
  const poller = new Poller(
    drivers.flatMap((driver) => driver.probes),
    clock,
    ingest,
    beat,
  );
  openButton(site, lines, annunciator, log);
  const silence = watchSilence(ring, boot, clock);
  forwarder?.forwarder.start();
  if (cardFailure !== null) {
    const summary = `The card cannot be used: ${cardFailure}. Readings are kept in memory only.`;
    log.error(summary);
    alarm.condition('storage', true, summary);
    awaitCard(site, ring, clock, async () => {
      log.warn('the card can be used again: starting anew, on the card');
      await drain();
      await ring.moveTo(ringFile(site));
      options.onFatal();
    });
  }
  const leftovers = cardFailure === null ? await forwardSalvaged(site, ring, alarm, clock, log) : [];

  const healthy = () =>
    clock.mono() - lastBeat < ALIVE_MS || drivers.every((driver) => driver.probes.length === 0);
  const parts = { site, board, ring, alarm, forward: forwarder, clock };
  const pages = { status: () => agentStatus(parts), healthy, registry: () => openRegistry(parts) };
  const health = await serveHealth(config.http.host, config.http.port, pages).catch((error: unknown) => {
    log.error({ error: messageOf(error) }, 'the status page cannot be served; everything else runs');
    return { port: 0, close: async () => {} };
  });
  const systemd = systemdNotifier(clock, process.env, healthy);
  systemd.ready();
  log.info({ sensors: sensors.length, http: health.port, epoch: ring.epoch }, 'the agent is sampling');

  async function drain(): Promise<void> {
    systemd.stopping();
    poller.stop();
    silence.cancel();
    const parts = [
      ...drivers,
      annunciator,
      { stop: () => forwarder?.forwarder.stop(DRAIN_MS) },
      ...leftovers,
      { stop: health.close },
    ];
    // What hangs (a bus, a modem in mid-sentence) is left behind: the ring must be closed in time.
    await Promise.race([Promise.allSettled(parts.map((part) => part.stop())), sleep(clock, GRACE_MS)]);
    alarm.stop();
    lines.close();
  }

  return {
    httpPort: health.port,
    stop: async () => {
      await drain();
      await ring.close();
    },
  };
}

/** Prometheus's own library is loaded when something first asks for metrics. */
async function openRegistry(parts: Parts) {
  const { agentMetrics } = await import('./health/metrics.js');
  return agentMetrics(statusSources(parts));
}

/** A driver that cannot start (a port missing, a broker port taken) is reported; the others sample all the same. */
async function startDriver(driver: Driver, ingest: Ingest, log: Logger): Promise<void> {
  try {
    await driver.start(ingest);
  } catch (error) {
    log.error({ error: messageOf(error) }, 'a driver did not start');
  }
}

function alarmSensors({ config, sensors }: ResolvedSite): AlarmSensor[] {
  return [
    ...sensors.map(({ id, name, allRules }) => ({ id, name, rules: allRules })),
    ...config.contacts.map((contact) => ({
      id: contact.id,
      name: contact.name ?? contact.id,
      rules: [contactRule(contact)],
    })),
  ];
}

/** GPIO is opened when something first needs it: a site without lines needs no header. */
function lazyLines(root: string, clock: Clock): (() => Lines) & { close(): void } {
  let opened: Lines | undefined;
  const get = () => {
    opened ??= openLines(root, clock);
    return opened;
  };
  return Object.assign(get, { close: () => opened?.close() });
}

function openForwarder({ config }: ResolvedSite, ring: RingClient, clock: Clock, log: Logger) {
  if (!config.relay) return undefined;
  const state: { now: ForwardState } = { now: { connected: false, problem: 'not connected yet' } };
  const forwarder = new Forwarder({
    config: config.relay,
    clinic: config.clinic.id,
    gateway: config.gateway,
    ring,
    clock,
    random: Math.random,
    onState: (next) => {
      if (next.connected !== state.now.connected) {
        if (next.connected) log.info('the relay answers');
        else log.warn({ problem: next.problem }, 'no relay: readings are kept here');
      }
      state.now = next;
    },
    onRefused: (stream, from, to, why) => {
      log.error({ stream, from, to, why }, 'the relay refused rows for their content: they stay here');
      const audit = {
        action: 'batch_refused',
        at: new Date(clock.wall()).toISOString(),
        detail: `${stream} ${from}-${to}`,
      };
      if (stream === 'readings') ring.appendEvent({ type: 'audit', audit });
    },
  });
  return { forwarder, state, poke: () => forwarder.poke() };
}

function openAnnunciator(
  { config, sensors }: ResolvedSite,
  alarm: Alarm,
  board: Board,
  ring: RingClient,
  clock: Clock,
  lines: () => Lines,
  log: Logger,
): Annunciator {
  const names = new Map([
    ...sensors.map((s) => [s.id, s.name] as const),
    ...config.contacts.map((c) => [c.id, c.name ?? c.id] as const),
  ]);
  const phones = new Map(config.people.map((person) => [person.id, person.phone]));
  const output = (line: { line: number; active: 'high' | 'low' } | undefined) => {
    if (!line) return undefined;
    try {
      return lines().output(line);
    } catch (error) {
      log.error({ error: messageOf(error) }, 'an output line cannot be opened: it stays silent');
      return undefined;
    }
  };
  const { sms } = config;
  const transport =
    sms &&
    new Modem({
      open: async () => {
        const { openSerialLink } = await import('./annunciate/sms/serial-link.js');
        return openSerialLink(sms.port, sms.baud);
      },
      pin: sms.pin,
      clock,
      onProblem: (problem) => log.warn({ problem }, 'SMS modem'),
    });
  const outbox =
    transport &&
    new Outbox({
      transport,
      clock,
      timeline: () => ring.timeline(),
      phoneOf: (person) => phones.get(person),
      load: () => ring.loadState('outbox'),
      save: (entries) => ring.saveState('outbox', entries),
      onOutcome: (person, outcome, detail) => log.info({ person, outcome, detail }, 'SMS'),
    });
  return new Annunciator({
    buzzer: output(config.lines.buzzer),
    lamp: output(config.lines.lamp),
    texts: outbox && transport && { outbox, transport },
    people: config.people,
    context: {
      language: config.clinic.language,
      timezone: config.clinic.timezone,
      clinicName: config.clinic.name,
      sensorName: (sensor) => names.get(sensor) ?? sensor,
    },
    clock,
    log,
    acknowledge: (code, by, comment) => alarm.acknowledge(code, by, comment),
    state: () => alarm.policyState,
    sensorsOk: () => {
      const failing = new Set(alarm.open.map((alert) => alert.sensor));
      return {
        sensors: board.sensors.size,
        ok: [...board.sensors.keys()].filter((id) => !failing.has(id)).length,
      };
    },
  });
}

function openButton(
  { config }: ResolvedSite,
  lines: () => Lines,
  annunciator: Annunciator,
  log: Logger,
): void {
  const button = config.lines.acknowledge_button;
  if (!button) return;
  try {
    lines().input(button, (pressed) => pressed && annunciator.pressed());
  } catch (error) {
    log.error({ error: messageOf(error) }, 'the acknowledge button cannot be opened');
  }
}

/** Runs until SIGTERM or SIGINT, then drains; five seconds later at the latest the process ends. */
export async function runAgent(site: ResolvedSite, log: Logger): Promise<void> {
  const agent = await startAgent(site, log);
  const { clock } = readBoot(site.config.clock.synchronised_file);
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  log.info('stopping');
  await Promise.race([agent.stop(), sleep(clock, 4500)]);
}
