import { Command } from 'commander';
import { failWith, print } from '../../host/output.js';
import { loadRelay } from '../config/load.js';
import { flinkEnv } from '../streams/flink-env.js';

export function flinkEnvCommand(): Command {
  return new Command('flink-env')
    .description(
      'what the Flink job must know of this file, for a shell: eval "$(coldwatch relay flink-env …)"',
    )
    .requiredOption('--config <RELAY.yaml>', 'the relay’s file')
    .option('--json', 'print as JSON')
    .action(run);
}

function run({ config, json }: { config: string; json?: boolean }): void {
  const loaded = loadRelay(config);
  if (!('value' in loaded)) return failWith(loaded.problems);
  const env = flinkEnv(loaded.value);
  if (json) return print(JSON.stringify(env));
  for (const [name, value] of Object.entries(env)) print(`export ${name}=${quoted(value)}`);
}

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
