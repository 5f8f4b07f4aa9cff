import { Command } from 'commander';
import { sleep } from '../../core/clock/clock.js';
import { SystemClock } from '../../host/clock.js';
import { folderLocks } from '../../host/folder-lock.js';
import { openLogger } from '../../host/logger.js';
import { failWith } from '../../host/output.js';
import { makePrivate } from '../../host/private-folder.js';
import { loadSite } from '../site/load.js';
import { siteSource } from '../site/reload.js';

export function agentCommand(): Command {
  return new Command('agent')
    .description('the gateway’s program: reads sensors, alarms, keeps and forwards every reading')
    .requiredOption('--config <SITE.yaml>', 'the site file; a change is taken while the agent runs')
    .action(async ({ config }: { config: string }) => {
      const loaded = loadSite(config);
      if (!('value' in loaded)) return failWith(loaded.problems);
      const { runAgent } = await import('../main.js');
      makePrivate();
      const log = openLogger(loaded.value.config.log.level);
      const claim = folderLocks('agent', new SystemClock(), (problem) => log.warn(problem));
      await runAgent(loaded.value, siteSource(config), log, claim);
      await end();
    });
}

/** A read that is well ends within this. */
const READ_MS = 300;

/**
 * exit() waits for libuv's threads, and one that waits in the kernel (a 1-wire bus that hangs) never comes back: only a
 * signal ends such a process.
 */
async function end(): Promise<never> {
  const stuck = () => process.getActiveResourcesInfo().some((resource) => resource.startsWith('FSReq'));
  if (stuck()) await sleep(new SystemClock(), READ_MS);
  if (stuck()) process.kill(process.pid, 'SIGKILL');
  process.exit(0);
}
