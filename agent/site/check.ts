import { credential } from '../../host/settings/credentials.js';
import { besideSecrets, type FileKind } from '../../host/settings/kind.js';
import { type FileProblem, readYaml, validate, type YamlFile } from '../../host/settings/yaml.js';
import { loadWithForests } from './library.js';
import { loadSiteFrom } from './load.js';
import { modelSchema } from './model.js';
import type { ResolvedSite } from './resolve.js';
import { presetSchema, productSchema } from './schema.js';
import { siteWarnings } from './warnings.js';

export interface CheckedFile {
  kind: string;
  problems: FileProblem[];
  /** Of a site file without errors. */
  site?: ResolvedSite;
}

/** Which kind of file it is, by the fields that only that kind has; every error and warning that it has. */
export function checkFile(file: string, others: readonly FileKind[] = []): CheckedFile {
  const yaml = readYaml(file, credential);
  if (yaml.problems.length > 0) return { kind: 'file', problems: yaml.problems };
  const top = (yaml.value ?? {}) as Record<string, unknown>;
  const has = (...names: string[]) => names.some((name) => Object.hasOwn(top, name));
  if (has('model') && has('protocol'))
    return { kind: 'device model', problems: validate(modelSchema, yaml).problems };
  if (has('product')) return { kind: 'product', problems: validate(productSchema, yaml).problems };
  if (has('preset')) return { kind: 'preset', problems: loadWithForests(presetSchema, yaml).problems };
  if (has('clinic', 'sensors', 'gateway')) return checkSite(yaml);
  const other = others.find(({ fields }) => has(...fields));
  if (other) return { kind: other.kind, problems: other.check(yaml) };
  const problem = {
    path: '(top)',
    got: Object.keys(top).join(', ') || 'nothing',
    expected:
      'a site (clinic, gateway, sensors), a relay (data, http, kafka), a device model, a product or a preset',
  };
  return { kind: 'file', problems: [yaml.locate(problem)] };
}

function checkSite(yaml: YamlFile): CheckedFile {
  const loaded = loadSiteFrom({ ...yaml, withoutSecret: [] });
  if (!('value' in loaded)) return { kind: 'site', problems: besideSecrets(yaml, loaded.problems) };
  const warned = siteWarnings(loaded.value, yaml.written).map(yaml.locate);
  return { kind: 'site', problems: besideSecrets(yaml, warned), site: loaded.value };
}
