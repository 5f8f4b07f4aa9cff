import { type Rule, ruleSchema } from '../../core/detect/rules.js';
import { didYouMean } from '../../core/nearest.js';
import { type Problem, show } from '../../core/schema.js';
import type { DeviceModel } from './model.js';
import type { Preset, Product, SensorConfig, SiteConfig } from './schema.js';

/** What the site file only names: shipped with the product, or beside the site file. */
export interface Library {
  models: Shelf<DeviceModel>;
  presets: Shelf<Preset>;
  products: Shelf<Product>;
}

export interface Shelf<T> {
  /** Undefined for a name that is not there, and for one whose file is broken. */
  get(name: string): T | undefined;
  keys(): Iterable<string>;
}

export interface ResolvedSensor extends SensorConfig {
  name: string;
  device: DeviceModel | undefined;
  everyMs: number;
  purpose: NonNullable<SensorConfig['purpose']>;
  allRules: Rule[];
}

export interface ResolvedSite {
  config: SiteConfig;
  sensors: ResolvedSensor[];
}

const DEFAULT_EVERY_MS = 60_000;

/** Looks up what the site file names and checks what no single field can: every problem at once. */
export function resolveSite(
  config: SiteConfig,
  library: Library,
): { site: ResolvedSite; problems: [] } | { problems: Problem[] } {
  const problems = [
    ...duplicates(config),
    ...sharedPorts(config, library),
    ...config.sensors.flatMap((sensor, i) => sensorProblems(sensor, i, library)),
    ...peopleProblems(config),
  ];
  if (problems.length > 0) return { problems };
  const sensors = config.sensors.map((sensor) => resolveSensor(sensor, library));
  return { site: { config, sensors }, problems: [] };
}

function resolveSensor(sensor: SensorConfig, library: Library): ResolvedSensor {
  const device = sensor.model === undefined ? undefined : library.models.get(sensor.model);
  const preset = sensor.preset === undefined ? undefined : library.presets.get(sensor.preset);
  const everyMs = sensor.every ?? device?.every ?? DEFAULT_EVERY_MS;
  const budgets = sensor.products.flatMap((name) =>
    budgetsOf(library.products.get(name)!, sensor.goods_since),
  );
  const rules = [...(preset?.rules ?? []), ...budgets, ...sensor.rules];
  return {
    ...sensor,
    name: sensor.name ?? sensor.id,
    device,
    everyMs,
    purpose: sensor.purpose ?? preset?.purpose ?? 'other',
    allRules: rules.some((r) => r.kind === 'sensor_fault') ? rules : [...rules, FAULT_RULE],
  };
}

function budgetsOf({ product, source, budgets }: Product, since: string | undefined): Rule[] {
  const goods = since === undefined ? {} : { since };
  return budgets.map((budget) => ({ kind: 'budget', product, source, ...goods, ...budget }));
}

/** Every sensor is watched for silence, asked for or not, and by how often it reports. */
const FAULT_RULE: Rule = ruleSchema.parse({ kind: 'sensor_fault', name: 'sensor' });

function sensorProblems(sensor: SensorConfig, i: number, library: Library): Problem[] {
  const at = (field: string) => `sensors[${i}].${field}`;
  const problems = unknownNames(sensor, library).map(({ path, ...problem }) => ({
    ...problem,
    path: at(path),
  }));
  const device = sensor.model === undefined ? undefined : library.models.get(sensor.model);
  if (device && device.protocol.transport !== sensor.source.kind) {
    problems.push({
      path: at('source.kind'),
      got: show(sensor.source.kind),
      expected: `"${device.protocol.transport}", which is how ${device.model} is connected`,
    });
  }
  if (device && !device.checked && !sensor.accept_unchecked) {
    problems.push({
      path: at('accept_unchecked'),
      got: 'false',
      expected: `true, once you have compared it with a reference: nobody has checked ${device.model} against a real device`,
    });
  }
  const mapped = sensor.source.kind === 'mqtt' && sensor.source.values !== undefined;
  if (sensor.model === undefined && !mapped) {
    problems.push({
      path: at('model'),
      got: 'nothing',
      expected: 'a device model (or, for mqtt, source.values with a mapping)',
    });
  }
  problems.push(...swappedLimits(sensor).map(({ field, ...problem }) => ({ ...problem, path: at(field) })));
  const names = sensor.rules.map((rule) => rule.name);
  names.forEach((name, n) => {
    if (names.indexOf(name) !== n) {
      problems.push({
        path: at(`rules[${n}].name`),
        got: show(name),
        expected: 'a name used once per sensor',
      });
    }
  });
  return problems;
}

/** Models, presets and products that nobody has described; paths are within the sensor. */
function unknownNames({ model, preset, products }: SensorConfig, library: Library): Problem[] {
  const named = [
    { path: 'model', name: model, shelf: library.models },
    { path: 'preset', name: preset, shelf: library.presets },
    ...products.map((name, n) => ({ path: `products[${n}]`, name, shelf: library.products })),
  ];
  return named.flatMap(({ path, name, shelf }) =>
    name === undefined || shelf.get(name)
      ? []
      : [{ path, got: show(name), expected: oneOf(shelf.keys(), name) }],
  );
}

/** "Above 2 and below 8": every value is outside, for ever. */
function swappedLimits({ rules }: SensorConfig): { field: string; got: string; expected: string }[] {
  const limits = rules.flatMap((rule, n) => {
    if (rule.kind === 'threshold') return [{ n, side: rule.side, limit: rule.limit, what: rule.quantity }];
    if (rule.kind === 'behaviour' && rule.what === 'excursion')
      return [{ n, side: rule.side, limit: rule.limit, what: 'temperature' }];
    return [];
  });
  const highest = limits.filter(({ side }) => side === 'below');
  return limits.flatMap(({ n, side, limit, what }) => {
    if (side !== 'above') return [];
    const low = highest.find((other) => other.what === what && other.limit >= limit);
    if (!low) return [];
    const expected = `more than ${low.limit / 1000}, below which rules[${low.n}] alarms: are the limits swapped?`;
    return [{ field: `rules[${n}].limit`, got: String(limit / 1000), expected }];
  });
}

function oneOf(names: Iterable<string>, typed?: string): string {
  const list = [...names].sort();
  if (list.length === 0) return 'one that exists (none was found)';
  return `one of ${list.join(', ')}${didYouMean(typed, list)}`;
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));

/** What must not occur twice: ids, probes' own addresses, GPIO lines. */
function duplicates(config: SiteConfig): Problem[] {
  const entries: { path: string; user: string; key: string; expected: string }[] = [];
  const add = (path: string, user: string, key: string, expected: string) =>
    entries.push({ path, user, key, expected });
  config.sensors.forEach((sensor, i) => {
    const { id } = sensor;
    add(`sensors[${i}].id`, `sensors[${i}]`, `id ${id}`, 'an id used once');
    const address = `source ${textOf(addressOf(sensor))}`;
    add(`sensors[${i}].source`, `sensor ${id}`, address, 'a probe that no other sensor names');
  });
  config.contacts.forEach(({ id, line }, i) => {
    add(`contacts[${i}].id`, `contacts[${i}]`, `id ${id}`, 'an id used once');
    add(`contacts[${i}].line`, `contact ${id}`, `line ${line}`, 'a line used once');
  });
  for (const [name, line] of Object.entries(config.lines)) {
    if (line) add(`lines.${name}.line`, `lines.${name}`, `line ${line.line}`, 'a line used once');
  }
  config.people.forEach(({ id }, i) => {
    add(`people[${i}].id`, `people[${i}]`, `person ${id}`, 'an id used once');
  });
  const users = new Map<string, string>();
  return entries.flatMap(({ path, user, key, expected }) => {
    const first = users.get(key);
    if (first === undefined) users.set(key, user);
    if (first === undefined) return [];
    const got = show(key.slice(key.indexOf(' ') + 1));
    return [{ path, got, expected: `${expected}: ${first} has it already` }];
  });
}

/**
 * A serial port has one user, or is a Modbus, and then has one speed: models that share it must agree on how characters
 * look.
 */
function sharedPorts(config: SiteConfig, library: Library): Problem[] {
  const settings = new Map<string, { user: string; text: string }>();
  if (config.sms) settings.set(config.sms.port, { user: 'the modem (sms.port)', text: 'a modem' });
  return config.sensors.flatMap(({ id, source, model }, i) => {
    if (source.kind !== 'modbus' && source.kind !== 'line') return [];
    const protocol = model === undefined ? undefined : library.models.get(model)?.protocol;
    const text =
      protocol?.transport === 'modbus'
        ? `${protocol.baud} baud, parity ${protocol.parity}, ${protocol.stop_bits} stop bits`
        : `a probe of its own (${id})`;
    const first = settings.get(source.port) ?? { user: `sensor ${id}`, text };
    settings.set(source.port, first);
    // Two text probes on one port are the same address twice, which has a problem of its own.
    if (first.text === text || (source.kind === 'line' && first.text.startsWith('a probe'))) return [];
    const path = `sensors[${i}].source.port`;
    const bus = protocol?.transport === 'modbus' && first.text.includes('baud');
    const expected = bus
      ? `a device with ${first.text}, as ${first.user} on the same port has`
      : `a port of its own: ${first.user} is on this one`;
    return [{ path, got: bus ? `${show(source.port)} with ${text}` : show(source.port), expected }];
  });
}

function addressOf({ source, model: sensorModel }: SensorConfig): unknown {
  if (source.kind === 'w1') return source.rom;
  if (source.kind === 'modbus') return [source.port, source.unit, source.channel];
  if (source.kind === 'kernel') return ['kernel', sensorModel, source.at];
  return source.kind === 'line' ? source.port : [source.topic, source.device, source.channel];
}

function peopleProblems(config: SiteConfig): Problem[] {
  const known = new Set(config.people.map((person) => person.id));
  const problems = config.alarm.steps.flatMap((step, s) =>
    step.to.flatMap((id, t) =>
      known.has(id)
        ? []
        : [
            {
              path: `alarm.steps[${s}].to[${t}]`,
              got: show(id),
              expected: `the id of one of people, ${oneOf(known)}`,
            },
          ],
    ),
  );
  if (config.alarm.steps.length > 0 && !config.sms) {
    problems.push({ path: 'sms', got: 'nothing', expected: 'a modem, since alarm.steps sends texts' });
  }
  return problems;
}
