import { credential } from '../../host/settings/credentials.js';
import { besideSecrets, type FileKind } from '../../host/settings/kind.js';
import { type Loaded, load, readYaml, validate } from '../../host/settings/yaml.js';
import { sharedTokens } from '../gateways/schema.js';
import { type RelayConfig, relaySchema } from './relay.js';

export function loadRelay(file: string): Loaded<RelayConfig> {
  return load(relaySchema, readYaml(file, credential));
}

export const relayFile: FileKind = {
  kind: 'relay',
  fields: ['kafka', 'data', 'http'],
  check: (yaml) => {
    const loaded = validate(relaySchema, yaml);
    const warned = 'value' in loaded ? sharedTokens(loaded.value).map(yaml.locate) : [];
    return besideSecrets(yaml, [...loaded.problems, ...warned]);
  },
};
