import { Command } from 'commander';
import { SystemClock } from '../../host/clock.js';
import { openLogger } from '../../host/logger.js';
import { failWith, misuse, print } from '../../host/output.js';
import { loadRelay } from '../config/load.js';

export function archiveCommand(): Command {
  const rebuildCommand = new Command('rebuild')
    .description('empties the archive and fills it with everything that the log still has')
    .requiredOption('--config <RELAY.yaml>', 'the relay’s file')
    .option('--json', 'print what was done as JSON')
    .action(rebuildArchive);
  return new Command('archive').description('history for queries').addCommand(rebuildCommand);
}

async function rebuildArchive({ config, json }: { config: string; json?: boolean }): Promise<void> {
  const loaded = loadRelay(config);
  if (!('value' in loaded)) return failWith(loaded.problems);
  const { archive: wanted, data } = loaded.value;
  if (!wanted) return misuse(`${config}: archive: got nothing, expected an archive`);
  const clock = new SystemClock();
  const logger = openLogger('error');
  const { openLog } = await import('../log/open.js');
  const { openArchive } = await import('../archive/open.js');
  const { rebuild } = await import('../archive/archiver.js');
  const archive = await openArchive(wanted, data, logger);
  const log = await openLog(loaded.value, clock, logger, { role: 'client' });
  try {
    const { stored, refused } = await rebuild(log, archive);
    if (json) print(JSON.stringify({ stored, refused }));
    else print(`${stored} records put away, ${refused} of them none of ours`);
  } finally {
    await log.close();
    await archive.close();
  }
}
