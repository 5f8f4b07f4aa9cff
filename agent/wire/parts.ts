import type { Logger } from 'pino';
import type { Clock } from '../../core/clock/clock.js';
import { logged } from '../../core/errors.js';
import type { Alarm } from '../alarm/alarm.js';
import { Annunciator } from '../annunciate/annunciator.js';
import { Outbox } from '../annunciate/outbox.js';
import { Modem } from '../annunciate/sms/modem.js';
import { PinMemory } from '../annunciate/sms/pin.js';
import type { Lines } from '../drivers/driver.js';
import { openLines } from '../drivers/gpio/lines.js';
import { Forwarder, type ForwardState, type GivenUp } from '../forward/forward.js';
import type { Board } from '../ingest/board.js';
import type { RingClient } from '../ring/client.js';
import type { ResolvedSite } from '../site/resolve.js';

/** GPIO is opened when something first needs it: a site without lines needs no header. */
export function lazyLines(root: string, clock: Clock): (() => Lines) & { close(): void } {
  let opened: Lines | undefined;
  const get = () => {
    opened ??= openLines(root, clock);
    return opened;
  };
  return Object.assign(get, { close: () => opened?.close() });
}

export function openForwarder(
  { config }: ResolvedSite,
  ring: RingClient,
  clock: Clock,
  log: Logger,
  onGivenUp: (row: GivenUp) => void,
) {
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
    onGivenUp,
  });
  return { forwarder, state, poke: () => forwarder.poke() };
}

export function openAnnunciator(
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
      log.error(logged(error), 'an output line cannot be opened: it stays silent');
      return undefined;
    }
  };
  const transport = openModem(config, clock, (problem) => log.warn({ problem }, 'SMS modem'), ring);
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
      nowMs: () => clock.wall(),
      timelineMs: () => ring.timeline(),
      current: (sensor) => board.celsius(sensor),
      worst: (episode) => alarm.worst(episode),
    },
    clock,
    log,
    acknowledge: (code, who) => alarm.acknowledge(code, who),
    state: () => alarm.policyState,
    // Contacts are no sensors to whoever asks how the fridges are.
    sensors: () =>
      sensors.map(({ id, name }) => {
        const celsius = board.celsius(id) ?? null;
        return { id, name, heard: board.heard(id), celsius };
      }),
  });
}

export function openModem(
  { sms }: ResolvedSite['config'],
  clock: Clock,
  onProblem: (problem: string) => void,
  /** Where it is noted which PIN was tried; without it none is. */
  ring?: RingClient,
): Modem | undefined {
  const memory =
    ring &&
    new PinMemory({
      load: () => ring.loadState('sim_pin'),
      save: (note) => ring.saveState('sim_pin', note),
      saveDurably: (note) => ring.saveDurably('sim_pin', note),
    });
  return (
    sms &&
    new Modem({
      open: async () => {
        const { openSerialLink } = await import('../annunciate/sms/serial-link.js');
        return openSerialLink(sms.port, sms.baud);
      },
      pin: sms.pin === undefined || !memory ? undefined : { code: sms.pin, memory },
      clock,
      onProblem,
    })
  );
}

export function openButton(
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
    log.error(logged(error), 'the acknowledge button cannot be opened');
  }
}
