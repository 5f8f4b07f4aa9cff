import { credential } from '../../host/settings/credentials.js';
import { besideSecrets, type FileKind } from '../../host/settings/kind.js';
import { type Loaded, load, readYaml, validate } from '../../host/settings/yaml.js';
import { type RelayConfig, relaySchema } from './relay.js';

export function loadRelay(file: string): Loaded<RelayConfig> {
  return load(relaySchema, readYaml(file, credential));
}

export const relayFile: FileKind = {
  kind: 'relay',
  fields: ['kafka', 'data', 'http'],
  check: (yaml) => besideSecrets(yaml, validate(relaySchema, yaml).problems),
};
