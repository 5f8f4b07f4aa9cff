import { Command } from 'commander';
import { sleep } from '../../core/clock/clock.js';
import { parseDuration } from '../../core/units.js';
import { openLogger } from '../../host/logger.js';
import { failWith, misuse, print } from '../../host/output.js';
import type { Check } from '../doctor/check.js';
import { loadSite } from '../site/load.js';
import type { ResolvedSite } from '../site/resolve.js';

interface Options {
  config: string;
  wait: string;
  sms?: string;
  quiet?: boolean;
  watch?: boolean;
  json?: boolean;
}

const WATCH_MS = 1000;
/** What hangs in the kernel is left behind. */
const STOP_MS = 2000;

const WORDS: Record<Check['result'], string> = {
  pass: 'PASS',
  fail: 'FAIL',
  waiting: 'WAIT',
  skipped: 'SKIP',
};

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('reads each sensor, beeps, looks at clock, disk, broker, relay and modem; says what to do')
    .requiredOption('--config <SITE.yaml>', 'the site file')
    .option('--wait <DURATION>', 'how long to wait for sensors that report by themselves', '30s')
    .option('--sms <PERSON>', 'also send a test text to this person of the site file')
    .option('--quiet', 'no beep and no lamp')
    .option(
      '--watch',
      'only show what each sensor reads, live, until Ctrl-C: warm a probe to see which it is',
    )
    .option('--json', 'print the result as JSON (with --watch: a line a second)')
    .action(async ({ config, wait, sms, quiet, watch, json }: Options) => {
      const waitMs = parseDuration(wait);
      if (waitMs === undefined) return misuse(`--wait: got ${wait}, expected a duration such as "30s"`);
      const loaded = loadSite(config);
      if (!('value' in loaded)) return failWith(loaded.problems);
      const { people } = loaded.value.config;
      if (sms !== undefined && !people.some(({ id }) => id === sms)) {
        return misuse(
          `--sms: got ${sms}, expected one of ${people.map(({ id }) => id).join(', ') || 'people (none)'}`,
        );
      }
      if (watch) return showLive(loaded.value, json === true);
      const { examine } = await import('../doctor/doctor.js');
      const checks: Check[] = [];
      const visit = { waitMs, textTo: sms, quiet: quiet === true };
      for await (const check of examine(loaded.value, visit, openLogger('fatal'))) {
        checks.push(check);
        if (!json) print(`${WORDS[check.result]}  ${check.what}: ${check.detail}`);
      }
      const failed = checks.filter(({ result }) => result === 'fail' || result === 'waiting').length;
      if (json) print(JSON.stringify({ ok: failed === 0, checks }));
      else print(failed === 0 ? 'All is well.' : `${failed} of ${checks.length} need a hand.`);
      // Ports that a driver has left in the kernel's hands must not keep this command alive.
      process.exit(failed === 0 ? 0 : 1);
    });
}

async function showLive(site: ResolvedSite, json: boolean): Promise<void> {
  const { watchSensors } = await import('../doctor/watch.js');
  const { WatchTable } = await import('../doctor/table.js');
  const { clock, look, stop } = await watchSensors(site, openLogger('fatal'));
  const ended = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort());
  const table = new WatchTable();
  while (!ended.signal.aborted) {
    const sensors = await look();
    const now = clock.wall();
    // On a terminal the table stays in its place; into a file it follows itself.
    const home = process.stdout.isTTY ? '\u001b[H\u001b[2J' : '';
    if (json) print(JSON.stringify({ at: new Date(now).toISOString(), sensors }));
    else print(`${home}${table.lines(sensors, now).join('\n')}\n`);
    await sleep(clock, WATCH_MS, ended.signal);
  }
  await Promise.race([stop(), sleep(clock, STOP_MS)]);
  process.exit(0);
}
