import { dirname } from 'node:path';
import { credential } from '../../host/settings/credentials.js';
import { withoutMistakes } from '../../host/settings/repair.js';
import { type Loaded, readYaml, type YamlFile } from '../../host/settings/yaml.js';
import { deviceConfigs, loadWithForests, openLibrary } from './library.js';
import { type ResolvedSite, resolveSite } from './resolve.js';
import { siteSchema } from './schema.js';

export function loadSite(file: string): Loaded<ResolvedSite> {
  return loadSiteFrom(readYaml(file, credential));
}

export function loadSiteFrom(yaml: YamlFile): Loaded<ResolvedSite> {
  const { library, problems } = openLibrary(deviceConfigs(), dirname(yaml.file));
  const parsed = loadWithForests(siteSchema, yaml);
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
