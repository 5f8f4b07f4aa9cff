import { Command } from 'commander';
import type { DeadLetter } from '../../core/contract/sources.js';
import { SystemClock } from '../../host/clock.js';
import { openLogger } from '../../host/logger.js';
import { failWith, misuse, print } from '../../host/output.js';
import { sourcesConfigSchema } from '../accept/schema.js';
import { loadRelay } from '../config/load.js';

interface Options {
  config: string;
  replay?: string;
  since: string;
  json?: boolean;
}

export function deadLettersCommand(): Command {
  return new Command('dead-letters')
    .description('what sources sent and nobody could take, with the reasons')
    .requiredOption('--config <RELAY.yaml>', 'the relay’s file')
    .option('--since <TIME>', 'ISO time', new Date(0).toISOString())
    .option('--replay <ID>', 'try one again by the schemas of now, or "all"; repeating it is harmless')
    .option('--json', 'print as JSON')
    .action(run);
}

async function run({ config, replay, since, json }: Options): Promise<void> {
  const sinceMs = Date.parse(since);
  if (Number.isNaN(sinceMs)) return misuse(`--since: got ${since}, expected an ISO time`);
  const loaded = loadRelay(config);
  if (!('value' in loaded)) return failWith(loaded.problems);
  const clock = new SystemClock();
  const { openLog } = await import('../log/open.js');
  const { deadLetters, replayLetters } = await import('../accept/dead-letters.js');
  const log = await openLog(loaded.value, clock, openLogger('error'), { role: 'client' });
  try {
    const letters = await deadLetters(log, sinceMs);
    if (replay === undefined) return show(letters, json);
    const chosen = letters.filter(({ id }) => replay === 'all' || id === replay);
    if (chosen.length === 0 && replay !== 'all')
      return misuse(`--replay: got ${replay}, expected the id of a letter, or all`);
    const { sources = sourcesConfigSchema.parse({}), mqtt } = loaded.value;
    const results = await replayLetters(log, chosen, sources, mqtt, clock);
    if (json) print(JSON.stringify(results));
    else
      for (const r of results)
        print(`${r.id}  ${r.source}  ${r.outcome}${'problems' in r ? `: ${reasons(r.problems)}` : ''}`);
    if (results.some(({ outcome }) => outcome === 'still refused')) process.exitCode = 1;
  } finally {
    await log.close();
  }
}

function show(letters: readonly DeadLetter[], json: boolean | undefined): void {
  if (json) return print(JSON.stringify(letters));
  if (letters.length === 0) return print('No dead letters.');
  for (const { id, source, received_at: at, problems, body } of letters) {
    print(`${id}  ${new Date(at).toISOString()}  ${source}  ${reasons(problems)}  ${body.slice(0, 80)}`);
  }
}

const reasons = (problems: DeadLetter['problems']) =>
  problems.map((p) => `${p.path}: got ${p.got}, expected ${p.expected}`).join('; ');
