import { statSync } from 'node:fs';
import { Command } from 'commander';
import { loadSite } from '../../agent/site/load.js';
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
      await runAgent(loaded.value, sourceOf(config), log, claim);
      // A driver stuck in the kernel must not keep a stopped agent alive.
      process.exit(0);
    });
}

function sourceOf(file: string) {
  return {
    stamp() {
      try {
        const { mtimeMs, size, ino } = statSync(file);
        return `${mtimeMs} ${size} ${ino}`;
      } catch {
        // Between an editor's removal and its rename the file is not there: not a change yet.
        return 'absent';
      }
    },
    load() {
      const loaded = loadSite(file);
      if ('value' in loaded) return { site: loaded.value };
      // What stands there may be a telephone number or a password, and this goes to a log.
      const where = loaded.problems.map(
        (p) => `${p.file}:${p.line}:${p.column} ${p.path}: expected ${p.expected}`,
      );
      return { problems: where };
    },
  };
}
