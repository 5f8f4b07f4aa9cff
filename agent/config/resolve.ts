import { type Rule, ruleSchema } from '../../core/detect/rules.js';
import { type Problem, show } from '../../core/schema.js';
import type { DeviceModel } from './model.js';
import type { Preset, Product, SensorConfig, SiteConfig } from './site.js';

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
    allRules: rules.some((r) => r.kind === 'sensor_fault') ? rules : [...rules, faultRule(everyMs)],
  };
}

function budgetsOf({ product, source, budgets }: Product, since: string | undefined): Rule[] {
  const goods = since === undefined ? {} : { since };
  return budgets.map((budget) => ({ kind: 'budget', product, source, ...goods, ...budget }));
}

/** Every sensor is watched for silence, asked for or not: ten missed readings, and never under ten minutes. */
function faultRule(everyMs: number): Rule {
  const patience = Math.max(600_000, everyMs * 10);
  return ruleSchema.parse({ kind: 'sensor_fault', name: 'sensor', missing_after: `${patience}ms` });
}

function sensorProblems(sensor: SensorConfig, i: number, library: Library): Problem[] {
  const problems: Problem[] = [];
  const at = (field: string) => `sensors[${i}].${field}`;
  const device = sensor.model === undefined ? undefined : library.models.get(sensor.model);
  if (sensor.model !== undefined && !device) {
    problems.push({ path: at('model'), got: show(sensor.model), expected: oneOf(library.models.keys()) });
  }
  if (sensor.preset !== undefined && !library.presets.get(sensor.preset)) {
    problems.push({ path: at('preset'), got: show(sensor.preset), expected: oneOf(library.presets.keys()) });
  }
  sensor.products.forEach((name, n) => {
    if (!library.products.get(name)) {
      problems.push({
        path: at(`products[${n}]`),
        got: show(name),
        expected: oneOf(library.products.keys()),
      });
    }
  });
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

function oneOf(names: Iterable<string>): string {
  const list = [...names].sort();
  return list.length === 0 ? 'one that exists (none was found)' : `one of ${list.join(', ')}`;
}

/** What must not occur twice: ids, probes' own addresses, GPIO lines. */
function duplicates(config: SiteConfig): Problem[] {
  const entries: { path: string; key: string; expected: string }[] = [];
  config.sensors.forEach((sensor, i) => {
    entries.push({ path: `sensors[${i}].id`, key: `id ${sensor.id}`, expected: 'an id used once' });
    entries.push({
      path: `sensors[${i}].source`,
      key: `source ${JSON.stringify(addressOf(sensor))}`,
      expected: 'a probe that no other sensor names',
    });
  });
  config.contacts.forEach((contact, i) => {
    entries.push({ path: `contacts[${i}].id`, key: `id ${contact.id}`, expected: 'an id used once' });
    entries.push({ path: `contacts[${i}].line`, key: `line ${contact.line}`, expected: 'a line used once' });
  });
  for (const [name, line] of Object.entries(config.lines)) {
    if (line)
      entries.push({ path: `lines.${name}.line`, key: `line ${line.line}`, expected: 'a line used once' });
  }
  config.people.forEach((person, i) => {
    entries.push({ path: `people[${i}].id`, key: `person ${person.id}`, expected: 'an id used once' });
  });
  const seen = new Set<string>();
  return entries.flatMap(({ path, key, expected }) => {
    if (!seen.has(key)) {
      seen.add(key);
      return [];
    }
    return [{ path, got: show(key.slice(key.indexOf(' ') + 1)), expected }];
  });
}

/** A serial port has one speed: models that share it must agree on how characters look. */
function sharedPorts(config: SiteConfig, library: Library): Problem[] {
  const settings = new Map<string, { sensor: string; text: string }>();
  return config.sensors.flatMap(({ id, source, model }, i) => {
    const protocol = model === undefined ? undefined : library.models.get(model)?.protocol;
    if (source.kind !== 'modbus' || protocol?.transport !== 'modbus') return [];
    const text = `${protocol.baud} baud, parity ${protocol.parity}, ${protocol.stop_bits} stop bits`;
    const first = settings.get(source.port) ?? { sensor: id, text };
    settings.set(source.port, first);
    if (first.text === text) return [];
    const expected = `a device with ${first.text}, as ${first.sensor} on the same port has`;
    return [{ path: `sensors[${i}].source.port`, got: `${show(source.port)} with ${text}`, expected }];
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
        : [{ path: `alarm.steps[${s}].to[${t}]`, got: show(id), expected: `one of people: ${oneOf(known)}` }],
    ),
  );
  if (config.alarm.steps.length > 0 && !config.sms) {
    problems.push({ path: 'sms', got: 'nothing', expected: 'a modem, since alarm.steps sends texts' });
  }
  return problems;
}
