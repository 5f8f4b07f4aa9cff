import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import { type DeviceModel, modelSchema } from '../../agent/config/model.js';
import { type Library, type ResolvedSite, resolveSite, type Shelf } from '../../agent/config/resolve.js';
import { presetSchema, productSchema, siteSchema } from '../../agent/config/site.js';
import { type RelayConfig, relaySchema } from '../../relay/config/relay.js';
import { credential } from './credentials.js';
import { readForests } from './forests.js';
import { type FileProblem, readYaml, validate, type YamlFile } from './yaml.js';

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
  const problems = readForests(yaml);
  return problems.length > 0 ? { problems } : validate(schema, yaml);
}

function loadSiteFrom(yaml: YamlFile): Loaded<ResolvedSite> {
  const { library, problems } = openLibrary(deviceConfigs(), dirname(yaml.file));
  const parsed = validated(siteSchema, yaml);
  if (!('value' in parsed)) return { problems: parsed.problems };
  const resolved = resolveSite(parsed.value, library);
  const all = [...problems, ...resolved.problems.map(yaml.locate)];
  if (all.length > 0 || !('site' in resolved)) return { problems: all };
  return { value: resolved.site, problems: [] };
}

/** Every model and preset that is shipped, each read when it is first asked for; what is wrong with one goes to `problems`. */
export function openLibrary(root: string, beside?: string): { library: Library; problems: FileProblem[] } {
  const problems: FileProblem[] = [];
  const models = shelf(modelSchema, join(root, 'models'), problems);
  const presets = shelf(presetSchema, join(root, 'presets'), problems);
  const products = shelf(productSchema, join(beside ?? root, 'products'), problems);
  return { library: { models, presets, products }, problems };
}

/** The files of a folder by their names: MAKER/MODEL for MAKER/MODEL.yaml. */
function shelf<S extends z.ZodType>(schema: S, folder: string, problems: FileProblem[]): Shelf<z.output<S>> {
  const files = new Map(
    yamlFiles(folder).map((file) => [file.slice(folder.length + 1, -'.yaml'.length), file]),
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

/** Which kind of file it is, by the fields that only that kind has. */
export function checkFile(file: string): { kind: string; problems: FileProblem[] } {
  const yaml = readYaml(file, () => 'checked-without-its-secret');
  const top = (yaml.value ?? {}) as Record<string, unknown>;
  const has = (...names: string[]) => names.some((name) => name in top);
  if (yaml.problems.length > 0) return { kind: 'file', problems: yaml.problems };
  if (has('model') && has('protocol'))
    return { kind: 'device model', problems: validate(modelSchema, yaml).problems };
  if (has('product')) return { kind: 'product', problems: validate(productSchema, yaml).problems };
  if (has('preset')) return { kind: 'preset', problems: validated(presetSchema, yaml).problems };
  if (has('clinic', 'sensors', 'gateway')) return { kind: 'site', problems: loadSiteFrom(yaml).problems };
  if (has('kafka', 'data', 'http')) return { kind: 'relay', problems: validate(relaySchema, yaml).problems };
  const problem = {
    path: '(top)',
    got: Object.keys(top).join(', ') || 'nothing',
    expected:
      'a site (clinic, gateway, sensors), a relay (data, http, kafka), a device model, a product or a preset',
  };
  return { kind: 'file', problems: [yaml.locate(problem)] };
}
