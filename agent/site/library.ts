import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import { credential } from '../../host/settings/credentials.js';
import { type FileProblem, type Loaded, load, readYaml, type YamlFile } from '../../host/settings/yaml.js';
import { readForests } from './forests.js';
import { type DeviceModel, modelSchema } from './model.js';
import type { Library, Shelf } from './resolve.js';
import { presetSchema, productSchema } from './schema.js';

/** device-configs of this installation: beside the sources, and beside dist/. */
export function deviceConfigs(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const candidates = ['../..', '../../..'].map((up) => resolve(here, up, 'device-configs'));
  return candidates.find((folder) => existsSync(folder)) ?? candidates[0]!;
}

export function loadModel(name: string): Loaded<DeviceModel> {
  return load(modelSchema, readYaml(join(deviceConfigs(), 'models', `${name}.yaml`), credential));
}

/** As `load`, with trained models in the place of the paths by which rules name them. */
export function loadWithForests<S extends z.ZodType>(schema: S, yaml: YamlFile): Loaded<z.output<S>> {
  const problems = [...yaml.withoutSecret, ...readForests(yaml)];
  return problems.length > 0 ? { problems } : load(schema, yaml);
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
      const loaded = loadWithForests(schema, readYaml(file, credential));
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
