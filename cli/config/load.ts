import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import { type DeviceModel, modelSchema } from '../../agent/config/model.js';
import { type Library, type ResolvedSite, resolveSite, type Shelf } from '../../agent/config/resolve.js';
import { presetSchema, productSchema, siteSchema } from '../../agent/config/site.js';
import { siteWarnings } from '../../agent/config/warnings.js';
import { credential } from '../../host/settings/credentials.js';
import { withoutMistakes } from '../../host/settings/repair.js';
import { secretsIn } from '../../host/settings/secrets.js';
import { type FileProblem, readYaml, validate, type YamlFile } from '../../host/settings/yaml.js';
import { type RelayConfig, relaySchema } from '../../relay/config/relay.js';
import { readForests } from './forests.js';

export type Loaded<T> = { value: T; problems: [] } | { problems: FileProblem[] };

/** device-configs of this installation: beside the sources, and beside dist/. */
export function deviceConfigs(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const candidates = ['../..', '../../..'].map((up) => resolve(here, up, 'device-configs'));
  return candidates.find((folder) => existsSync(folder)) ?? candidates[0]!;
}

export function loadModel(name: string): Loaded<DeviceModel> {
  return load(modelSchema, join(deviceConfigs(), 'models', `${name}.yaml`));
}

export function loadSite(file: string): Loaded<ResolvedSite> {
  return loadSiteFrom(readYaml(file, credential));
}

export function loadRelay(file: string): Loaded<RelayConfig> {
  return load(relaySchema, file);
}

function load<S extends z.ZodType>(schema: S, file: string): Loaded<z.output<S>> {
  return validated(schema, readYaml(file, credential));
}

function validated<S extends z.ZodType>(schema: S, yaml: YamlFile): Loaded<z.output<S>> {
  const problems = [...yaml.withoutSecret, ...readForests(yaml)];
  return problems.length > 0 ? { problems } : validate(schema, yaml);
}

function loadSiteFrom(yaml: YamlFile): Loaded<ResolvedSite> {
  const { library, problems } = openLibrary(deviceConfigs(), dirname(yaml.file));
  const parsed = validated(siteSchema, yaml);
  const config = 'value' in parsed ? parsed.value : withoutMistakes(siteSchema, yaml.value);
  const resolved = config && resolveSite(config, library);
  // What was left out or stood in for must not be called wrong a second time.
  const known = parsed.problems.map(({ path }) => path);
  const across = (resolved?.problems ?? []).filter(
    ({ path }) => !known.some((other) => touches(path, other)),
  );
  const all = [...parsed.problems, ...problems, ...across.map(yaml.locate)];
  if (all.length > 0 || !resolved || !('site' in resolved)) return { problems: all };
  return { value: resolved.site, problems: [] };
}

/** One place is in the other; people who cannot be read may be those whom a step names. */
function touches(path: string, other: string): boolean {
  if (path.startsWith('alarm.steps') && other.startsWith('people')) return true;
  return path === other || path.startsWith(`${other}.`) || other.startsWith(`${path}.`);
}

/**
 * Every model, preset and product: those that are shipped, and the installer's own in folders `beside` the site file,
 * which win. Each is read when it is first asked for; what is wrong with one goes to `problems`.
 */
export function openLibrary(root: string, beside?: string): { library: Library; problems: FileProblem[] } {
  const problems: FileProblem[] = [];
  const folders = (name: string) =>
    [root, ...(beside === undefined ? [] : [beside])].map((f) => join(f, name));
  const models = shelf(modelSchema, folders('models'), problems);
  const presets = shelf(presetSchema, folders('presets'), problems);
  const products = shelf(productSchema, folders('products'), problems);
  return { library: { models, presets, products }, problems };
}

/** The files of folders by their names: MAKER/MODEL for MAKER/MODEL.yaml. A later folder's takes the place. */
function shelf<S extends z.ZodType>(
  schema: S,
  folders: readonly string[],
  problems: FileProblem[],
): Shelf<z.output<S>> {
  const files = new Map(
    folders.flatMap((folder) =>
      yamlFiles(folder).map((file) => [file.slice(folder.length + 1, -'.yaml'.length), file] as const),
    ),
  );
  const read = new Map<string, z.output<S> | undefined>();
  return {
    keys: () => files.keys(),
    get(name) {
      const file = files.get(name);
      if (file === undefined || read.has(name)) return read.get(name);
      const loaded = load(schema, file);
      if (!('value' in loaded)) problems.push(...loaded.problems);
      read.set(name, 'value' in loaded ? loaded.value : undefined);
      return read.get(name);
    },
  };
}

function yamlFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return entries
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => join(folder, name));
}

/** Which kind of file it is, by the fields that only that kind has; every error and warning that it has. */
export function checkFile(file: string): { kind: string; problems: FileProblem[]; site?: ResolvedSite } {
  const yaml = readYaml(file, credential);
  const top = (yaml.value ?? {}) as Record<string, unknown>;
  const has = (...names: string[]) => names.some((name) => Object.hasOwn(top, name));
  if (yaml.problems.length > 0) return { kind: 'file', problems: yaml.problems };
  // Whoever checks a file need not have its secrets; what stands in for one is not judged.
  const secrets = yaml.withoutSecret.map((problem): FileProblem => ({ ...problem, level: 'warning' }));
  const judged = (problems: FileProblem[]) => [
    ...problems.filter(({ path }) => !secrets.some((secret) => secret.path === path)),
    ...secrets,
    ...secretsIn(yaml.written).map(yaml.locate),
  ];
  const open = { ...yaml, withoutSecret: [] };
  if (has('model') && has('protocol'))
    return { kind: 'device model', problems: validate(modelSchema, yaml).problems };
  if (has('product')) return { kind: 'product', problems: validate(productSchema, yaml).problems };
  if (has('preset')) return { kind: 'preset', problems: validated(presetSchema, yaml).problems };
  if (has('clinic', 'sensors', 'gateway')) {
    const loaded = loadSiteFrom(open);
    const warned = 'value' in loaded ? siteWarnings(loaded.value, yaml.written).map(yaml.locate) : [];
    const site = 'value' in loaded ? { site: loaded.value } : {};
    return { kind: 'site', problems: judged([...loaded.problems, ...warned]), ...site };
  }
  if (has('kafka', 'data', 'http'))
    return { kind: 'relay', problems: judged(validate(relaySchema, open).problems) };
  const problem = {
    path: '(top)',
    got: Object.keys(top).join(', ') || 'nothing',
    expected:
      'a site (clinic, gateway, sensors), a relay (data, http, kafka), a device model, a product or a preset',
  };
  return { kind: 'file', problems: [yaml.locate(problem)] };
}
