import { Command } from 'commander';
import { SystemClock } from '../../host/clock.js';
import { openLogger } from '../../host/logger.js';
import { failWith, misuse, print } from '../../host/output.js';
import { loadRelay } from '../config/load.js';
import type { Replayable } from '../operate/replay.js';

interface Options {
  config: string;
  from: string;
  to: string;
  topic: string;
  json?: boolean;
}

export function replayCommand(): Command {
  return new Command('replay')
    .description('feeds history again, into topics for back-tests: backtest.iot.temperature and the like')
    .requiredOption('--config <RELAY.yaml>', 'the relay’s file')
    .requiredOption('--from <TIME>', 'ISO time, included')
    .requiredOption('--to <TIME>', 'ISO time, not included')
    .option('--topic <TOPIC>', 'what to feed again', 'iot.temperature')
    .option('--json', 'print what was done as JSON')
    .action(run);
}

async function run({ config, from, to, topic, json }: Options): Promise<void> {
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
  if (Number.isNaN(fromMs)) return misuse(`--from: got ${from}, expected an ISO time`);
  if (!(toMs > fromMs)) return misuse(`--to: got ${to}, expected an ISO time after --from`);
  const { REPLAYABLE, replayHistory } = await import('../operate/replay.js');
  if (!(topic in REPLAYABLE)) {
    return misuse(`--topic: got ${topic}, expected one of ${Object.keys(REPLAYABLE).join(', ')}`);
  }
  const loaded = loadRelay(config);
  if (!('value' in loaded)) return failWith(loaded.problems);
  const { openLog } = await import('../log/open.js');
  const log = await openLog(loaded.value, new SystemClock(), openLogger('error'), { role: 'client' });
  try {
    const result = await replayHistory(log, topic as Replayable, fromMs, toMs);
    if (json) print(JSON.stringify(result));
    else print(`${result.written} of ${result.read} records fed again as run ${result.run}`);
  } finally {
    await log.close();
  }
}
