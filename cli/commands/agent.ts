import { Command } from 'commander';
import { loadSite } from '../config/load.js';
import { openLogger } from '../logger.js';
import { failWith } from '../output.js';

export function agentCommand(): Command {
  return new Command('agent')
    .description('the gateway’s program: reads sensors, alarms, keeps and forwards every reading')
    .requiredOption('--config <SITE.yaml>', 'the site file')
    .action(async ({ config }: { config: string }) => {
      const loaded = loadSite(config);
      if (!('value' in loaded)) return failWith(loaded.problems);
      const { runAgent } = await import('../../agent/main.js');
      await runAgent(loaded.value, openLogger(loaded.value.config.log.level));
      // A driver stuck in the kernel must not keep a stopped agent alive.
      process.exit(0);
    });
}
