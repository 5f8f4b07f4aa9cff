import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { stringify } from 'yaml';
import type { Clock } from '../../core/clock/clock.js';
import { messageOf } from '../../core/errors.js';
import { SystemClock } from '../../host/clock.js';
import { misuse, print } from '../../host/output.js';
import {
  type Found,
  findChips,
  findKernel,
  findMqtt,
  findPorts,
  findW1,
  goodSamples,
  inWords,
} from '../discover/find.js';
import { deviceConfigs, openLibrary } from '../site/library.js';
import type { DeviceModel } from '../site/model.js';
import { UNNAMED } from '../site/warnings.js';

interface Options {
  mqtt?: string;
  seconds: string;
  port: string[];
  units: string;
  root: string;
  json?: boolean;
}

const SECONDS_MAX = 3600;

export function discoverCommand(): Command {
  return new Command('discover')
    .description(
      'what is plugged in or heard: probes, ports, GPIO chips, devices on MQTT; prints a draft site file',
    )
    .option('--mqtt <URL>', 'also listen on this broker, such as mqtt://localhost:1883')
    .option('--seconds <N>', 'for how long', '20')
    .option(
      '--port <PATH>',
      'also look for probes on this serial port, or Modbus/TCP at tcp://HOST (repeat it for more)',
      collect,
      [],
    )
    .option('--units <A-B>', 'Modbus addresses to ask on these ports', '1-16')
    .option('--root <DIR>', 'look below this folder instead of /', '/')
    .option('--json', 'print what was found as JSON instead of a draft')
    .action(discover);
}

async function discover(options: Options): Promise<void> {
  const units = unitsOf(options.units);
  const wrong = typeof units === 'string' ? units : misused(options);
  if (typeof units === 'string' || wrong !== undefined) return misuse(wrong!);
  const { found, failures } = await findAll(options, units);
  const ports = await findPorts(join(options.root, 'dev'));
  const chips = await findChips(join(options.root, 'sys/class/gpio'));
  print(
    options.json
      ? JSON.stringify({ found, ports, chips, failures })
      : draft(found, ports, chips, options.mqtt),
  );
  for (const failure of failures) process.stderr.write(`coldwatch: ${failure}\n`);
  if (failures.length > 0) process.exitCode = 1;
}

function misused({ seconds, mqtt, root }: Options): string | undefined {
  if (!(Number(seconds) > 0 && Number(seconds) <= SECONDS_MAX))
    return `--seconds: got ${seconds}, expected 1 to ${SECONDS_MAX}`;
  if (mqtt !== undefined && !BROKER.test(mqtt))
    return `--mqtt: got ${mqtt}, expected such as mqtt://localhost:1883`;
  return existsSync(root) ? undefined : `--root: got ${root}, expected a folder`;
}

/** Buses of the kernel, then the ports and the broker that were named: one that fails leaves the others. */
async function findAll({ root, port: named, mqtt, seconds: text }: Options, units: number[]) {
  const seconds = Number(text);
  const clock = new SystemClock();
  const { library } = openLibrary(deviceConfigs());
  const models = [...library.models.keys()].flatMap((name) => library.models.get(name) ?? []);
  const failures: string[] = [];
  const attempt = async (what: string, work: () => Promise<Found[]>): Promise<Found[]> => {
    try {
      return await work();
    } catch (error) {
      // The serial library begins its own with "Error:".
      failures.push(`${what}: ${messageOf(error).replace(/^Error: /, '')}`);
      return [];
    }
  };
  const found = [
    ...(await findW1(join(root, 'sys/bus/w1/devices'), models, clock)),
    ...(await findKernel(join(root, 'sys'), models)),
  ];
  for (const port of named) found.push(...(await attempt(port, () => scanPort(port, models, units, clock))));
  if (mqtt !== undefined) {
    process.stderr.write(`Listening on ${mqtt} for ${seconds} s: press the buttons of sleeping devices.\n`);
    found.push(...(await attempt(mqtt, () => hear(mqtt, seconds, models, clock))));
  }
  return { found, failures };
}

const BROKER = /^(mqtts?|wss?):\/\/[^\s]+$/;

const collect = (value: string, before: string[]) => [...before, value];

function unitsOf(text: string): number[] | string {
  const [, a, b] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  const [from, to] = [Number(a), Number(b ?? a)];
  if (!(from >= 1 && to <= 247 && from <= to))
    return `--units: got ${text}, expected such as "1-16", within 1 to 247`;
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

async function hear(
  url: string,
  seconds: number,
  models: readonly DeviceModel[],
  clock: Clock,
): Promise<Found[]> {
  const { listen } = await import('../drivers/mqtt/listen.js');
  return findMqtt(await listen({ url }, seconds * 1000, clock), models);
}

async function scanPort(
  path: string,
  models: readonly DeviceModel[],
  units: number[],
  clock: Clock,
): Promise<Found[]> {
  const { tcpAddress } = await import('../drivers/serial/schema.js');
  const { scanLines, scanModbus } = await import('../drivers/serial/scan.js');
  const named = models.map(({ model, protocol }) => ({ model, protocol }));
  const rtu = named.flatMap(({ model, protocol: p }) =>
    p.transport === 'modbus' ? [{ model, protocol: p }] : [],
  );
  const talkers = named.flatMap(({ model, protocol: p }) =>
    p.transport === 'line' ? [{ model, protocol: p }] : [],
  );
  const byName = new Map(models.map((model) => [model.model, model]));
  const byUnit = new Map<number | undefined, { model: DeviceModel; good: number; reads: string }[]>();
  // A talker would be disturbed by questions, a bus is silent without them: so listening comes first.
  const talking = tcpAddress(path) ? [] : await scanLines(path, talkers, clock);
  for (const { model: name, unit, decoded } of talking.length > 0
    ? talking
    : await scanModbus(path, rtu, units, clock)) {
    const model = byName.get(name)!;
    const good = goodSamples(model, decoded);
    if (good === 0) continue;
    byUnit.set(unit, [...(byUnit.get(unit) ?? []), { model, good, reads: inWords(model, decoded) }]);
  }
  return [...byUnit].map(([unit, fits]): Found => {
    const best = fits.sort((a, b) => b.good - a.good);
    const source = unit === undefined ? { kind: 'line', port: path } : { kind: 'modbus', port: path, unit };
    return { place: 'serial', source, models: best.map(({ model }) => model.model), reads: best[0]!.reads };
  });
}

/** What no wire tells: as it is written, behind "#" until somebody has completed it. */
const TO_COMPLETE = [
  'What only people know. Complete what you have, and take away its "#".',
  '',
  'people:',
  '  - { id: nurse, name: Amina, phone: "+254700000001" }',
  '  - { id: manager, name: Joseph, phone: "+254700000002" }',
  'alarm:',
  '  steps: # whom to text, and how long after the alarm if nobody has acknowledged',
  '    - { to: [nurse] }',
  '    - { to: [manager], after: 15m }',
  'sms: { port: /dev/serial/by-path/... } # the modem',
  '',
  'contacts: # line: the BCM number, as on the pinout card',
  '  - { id: mains, name: Mains, role: mains, line: 17, after: 10m }',
  '  - { id: door-1, name: Door of fridge 1, role: door, line: 24, after: 5m }',
  'lines:',
  '  buzzer: { line: 18 }',
  '  lamp: { line: 22 }',
  '  acknowledge_button: { line: 23, active: low }',
  '',
  'relay:',
  '  url: https://relay.example.org:8443',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as it stands in a site file
  '  token: ${credential:relay-token} # from /etc/coldwatch/credentials/relay-token',
];

/** A site file to be completed: what was found is filled in, what only people know is marked. */
function draft(
  found: Found[],
  ports: string[],
  chips: { label: string; lines: number }[],
  mqtt?: string,
): string {
  const head = {
    clinic: { id: 'my-clinic', name: 'My clinic', timezone: 'UTC', language: 'en' },
    gateway: 'my-clinic-1',
    data: '/var/lib/coldwatch',
  };
  const out = [
    '# Draft by `coldwatch discover`. Give every sensor the name that staff use, then run `coldwatch check`.',
  ];
  out.push(stringify(head).trimEnd(), '', found.length > 0 ? 'sensors:' : 'sensors: [] # nothing was found');
  const ids = new Set<string>();
  for (const { source, models, reads } of found) {
    const [model, ...others] = models;
    const also = others.length > 0 ? `; could also be ${others.join(', ')}` : '';
    const sensor = { id: idOf(source, ids), name: UNNAMED, model, preset: 'refrigerator-2-8', source };
    out.push(`  # reads ${reads}${also}`);
    const lines = stringify([sensor]).trimEnd().split('\n');
    out.push(...lines.map((line) => `  ${line}`));
  }
  if (mqtt !== undefined) out.push('', stringify({ mqtt: { url: mqtt } }).trimEnd());
  out.push('', ...TO_COMPLETE.map((line) => (line === '' ? '' : `# ${line}`)));
  out.push(
    '',
    ports.length > 0 ? '# Serial ports (look for probes on one with --port):' : '# No serial port was found.',
  );
  out.push(...ports.map((port) => `#   ${port}`));
  out.push(chips.length > 0 ? '# GPIO chips:' : '# No GPIO chip was found.');
  out.push(...chips.map(({ label, lines }) => `#   ${label}, ${lines} lines`));
  return out.join('\n');
}

function idOf(source: Record<string, unknown>, taken: Set<string>): string {
  const parts = [source.device ?? source.rom ?? source.topic ?? source.at ?? source.kind, source.unit];
  const text = parts
    .filter((part) => part !== undefined)
    .join('-')
    .toLowerCase();
  const slug =
    text
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(-40)
      .replace(/^-+/, '') || 'sensor';
  let id = slug;
  for (let n = 2; taken.has(id); n++) id = `${slug}-${n}`;
  taken.add(id);
  return id;
}
