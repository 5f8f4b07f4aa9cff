import { Command } from 'commander';
import { messageOf } from '../../core/errors.js';
import { didYouMean } from '../../core/nearest.js';
import { SystemClock } from '../../host/clock.js';
import { folderLocks } from '../../host/folder-lock.js';
import { openLogger } from '../../host/logger.js';
import { failWith, misuse } from '../../host/output.js';
import { makePrivate } from '../../host/private-folder.js';
import { loadRelay } from '../config/load.js';
import { archiveCommand } from './archive.js';
import { caCommand } from './ca.js';
import { deadLettersCommand } from './dead-letters.js';
import { flinkEnvCommand } from './flink-env.js';
import { gatewaysCommand } from './gateways.js';
import { replayCommand } from './replay.js';
import { topicsCommand } from './topics.js';

export function relayCommand(): Command {
  return (
    new Command('relay')
      .description('the cloud’s program: takes gateways’ batches into Kafka, or into a log of its own')
      // Subcommands have a --config of their own.
      .enablePositionalOptions()
      // Also before its subcommands, which open the same log.
      .hook('preAction', makePrivate)
      .option('--config <RELAY.yaml>', 'the relay’s file')
      // Else a sub-command that does not exist would be an argument too many.
      .allowExcessArguments()
      .action(async ({ config }: { config?: string }, { args: [unknown], commands }: Command) => {
        if (unknown !== undefined) {
          const meant = didYouMean(
            unknown,
            commands.map((sub) => sub.name()),
          );
          return misuse(`unknown command "${unknown}"${meant}`);
        }
        if (config === undefined) return misuse('expected --config <RELAY.yaml>, the relay’s file');
        const loaded = loadRelay(config);
        if (!('value' in loaded)) return failWith(loaded.problems);
        const { runRelay } = await import('../main.js');
        const log = openLogger(loaded.value.log.level);
        const claim = folderLocks('relay', new SystemClock(), (problem) => log.warn(problem));
        try {
          await runRelay(loaded.value, log, claim);
        } catch (error) {
          // A connection to Kafka that is still being closed must not keep a relay that serves nobody.
          process.stderr.write(`coldwatch: ${messageOf(error)}\n`, () => process.exit(1));
          return;
        }
        process.exit(0);
      })
      .addCommand(gatewaysCommand())
      .addCommand(caCommand())
      .addCommand(topicsCommand())
      .addCommand(deadLettersCommand())
      .addCommand(replayCommand())
      .addCommand(archiveCommand())
      .addCommand(flinkEnvCommand())
  );
}
