import type { Logger } from 'pino';
import type { Clock } from '../../core/clock/clock.js';
import { logged } from '../../core/errors.js';
import { Annunciator } from '../annunciate/annunciator.js';
import { Outbox } from '../annunciate/outbox.js';
import type { Lines, OutputLine } from '../drivers/driver.js';
import type { Board } from '../ingest/board.js';
import type { Ring } from '../ring/port.js';
import type { ResolvedSite } from '../site/resolve.js';
import { openModem } from './modem.js';

export interface AnnunciatorDeps {
  board: Board;
  ring: Ring;
  clock: Clock;
  lines: () => Lines;
  log: Logger;
}

/** Buzzer, lamp and texts of a site. A line that cannot be opened stays silent; the rest goes on. */
export function openAnnunciator(site: ResolvedSite, deps: AnnunciatorDeps): Annunciator {
  const { config, sensors } = site;
  const { board, ring, clock, log } = deps;
  const names = new Map([
    ...sensors.map((s) => [s.id, s.name] as const),
    ...config.contacts.map((c) => [c.id, c.name ?? c.id] as const),
  ]);
  return new Annunciator({
    buzzer: outputOf(config.lines.buzzer, deps),
    lamp: outputOf(config.lines.lamp, deps),
    texts: textsOf(site, deps),
    people: config.people,
    context: {
      language: config.clinic.language,
      timezone: config.clinic.timezone,
      clinicName: config.clinic.name,
      sensorName: (sensor) => names.get(sensor) ?? sensor,
      nowMs: () => clock.wall(),
      timelineMs: () => ring.timeline(),
      current: (sensor) => board.celsius(sensor),
    },
    clock,
    log,
    // Contacts are no sensors to whoever asks how the fridges are.
    sensors: () =>
      sensors.map(({ id, name }) => {
        const celsius = board.celsius(id) ?? null;
        return { id, name, heard: board.heard(id), celsius };
      }),
  });
}

function outputOf(
  line: { line: number; active: 'high' | 'low' } | undefined,
  { lines, log }: Pick<AnnunciatorDeps, 'lines' | 'log'>,
): OutputLine | undefined {
  if (!line) return undefined;
  try {
    return lines().output(line);
  } catch (error) {
    log.error(logged(error), 'an output line cannot be opened: it stays silent');
    return undefined;
  }
}

function textsOf({ config }: ResolvedSite, { ring, clock, log }: AnnunciatorDeps) {
  const transport = openModem(config, clock, (problem) => log.warn({ problem }, 'SMS modem'), ring);
  if (!transport) return undefined;
  const phones = new Map(config.people.map((person) => [person.id, person.phone]));
  const outbox = new Outbox({
    transport,
    clock,
    timeline: () => ring.timeline(),
    phoneOf: (person) => phones.get(person),
    load: () => ring.loadState('outbox'),
    save: (entries) => ring.saveState('outbox', entries),
    onOutcome: (person, outcome, detail) => log.info({ person, outcome, detail }, 'SMS'),
  });
  return { outbox, transport };
}

/** The button at the gateway. */
export function openButton(
  { config }: ResolvedSite,
  { lines, annunciator, log }: { lines: () => Lines; annunciator: Annunciator; log: Logger },
): void {
  const button = config.lines.acknowledge_button;
  if (!button) return;
  try {
    lines().input(button, (pressed) => pressed && annunciator.pressed());
  } catch (error) {
    log.error(logged(error), 'the acknowledge button cannot be opened');
  }
}
