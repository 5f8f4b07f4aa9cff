import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import { type DeviceModel, modelSchema } from '../../agent/config/model.js';
import { type Library, type ResolvedSite, resolveSite } from '../../agent/config/resolve.js';
import { type Preset, presetSchema, siteSchema } from '../../agent/config/site.js';
import { type RelayConfig, relaySchema } from '../../relay/config/relay.js';
import { credential } from './credentials.js';
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
  return validate(schema, readYaml(file, credential));
}

function loadSiteFrom(yaml: YamlFile): Loaded<ResolvedSite> {
  const { library, problems } = loadLibrary(deviceConfigs());
  const parsed = validate(siteSchema, yaml);
  if (parsed.problems.length > 0) return { problems: [...parsed.problems, ...problems] };
  if (!('value' in parsed)) return { problems };
  const resolved = resolveSite(parsed.value, library);
  const all = [...problems, ...resolved.problems.map(yaml.locate)];
  if (all.length > 0 || !('site' in resolved)) return { problems: all };
  return { value: resolved.site, problems: [] };
}

/** Every model and preset that is shipped. A broken one is reported, and the rest can be used. */
export function loadLibrary(root: string): { library: Library; problems: FileProblem[] } {
  const problems: FileProblem[] = [];
  const models = new Map<string, DeviceModel>();
  const presets = new Map<string, Preset>();
  for (const file of yamlFiles(join(root, 'models'))) {
    const loaded = load(modelSchema, file);
    if ('value' in loaded) models.set(loaded.value.model, loaded.value);
    else problems.push(...loaded.problems);
  }
  for (const file of yamlFiles(join(root, 'presets'))) {
    const loaded = load(presetSchema, file);
    if ('value' in loaded) presets.set(loaded.value.preset, loaded.value);
    else problems.push(...loaded.problems);
  }
  return { library: { models, presets }, problems };
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
  if (has('preset')) return { kind: 'preset', problems: validate(presetSchema, yaml).problems };
  if (has('clinic', 'sensors', 'gateway')) return { kind: 'site', problems: loadSiteFrom(yaml).problems };
  if (has('kafka', 'data', 'http')) return { kind: 'relay', problems: validate(relaySchema, yaml).problems };
  const problem = {
    path: '(top)',
    got: Object.keys(top).join(', ') || 'nothing',
    expected: 'a site (clinic, gateway, sensors), a relay (data, http, kafka), a device model or a preset',
  };
  return { kind: 'file', problems: [yaml.locate(problem)] };
}
