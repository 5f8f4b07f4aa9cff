import { Command } from 'commander';
import { loadSite } from '../../agent/site/load.js';
import { siteSource } from '../../agent/site/reload.js';
import { SystemClock } from '../../host/clock.js';
import { folderLocks } from '../../host/folder-lock.js';
import { openLogger } from '../../host/logger.js';
import { failWith } from '../../host/output.js';
import { makePrivate } from '../../host/private-folder.js';

export function agentCommand(): Command {
  return new Command('agent')
    .description('the gateway’s program: reads sensors, alarms, keeps and forwards every reading')
    .requiredOption('--config <SITE.yaml>', 'the site file; a change is taken while the agent runs')
    .action(async ({ config }: { config: string }) => {
      const loaded = loadSite(config);
      if (!('value' in loaded)) return failWith(loaded.problems);
      const { runAgent } = await import('../../agent/main.js');
      makePrivate();
      const log = openLogger(loaded.value.config.log.level);
      const claim = folderLocks('agent', new SystemClock(), (problem) => log.warn(problem));
      await runAgent(loaded.value, siteSource(config), log, claim);
      // A driver stuck in the kernel must not keep a stopped agent alive.
      process.exit(0);
    });
}
