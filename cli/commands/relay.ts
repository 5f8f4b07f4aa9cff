import { Command } from 'commander';
import { loadRelay } from '../config/load.js';
import { openLogger } from '../logger.js';
import { failWith } from '../output.js';

export function relayCommand(): Command {
  return new Command('relay')
    .description('the cloud’s program: takes gateways’ batches into Kafka, or into a log of its own')
    .requiredOption('--config <RELAY.yaml>', 'the relay’s file')
    .action(async ({ config }: { config: string }) => {
      const loaded = loadRelay(config);
      if (!('value' in loaded)) return failWith(loaded.problems);
      const { runRelay } = await import('../../relay/main.js');
      await runRelay(loaded.value, openLogger(loaded.value.log.level));
      process.exit(0);
    });
}
