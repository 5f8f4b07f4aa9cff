import { Command } from 'commander';
import type { Check } from '../../agent/doctor/check.js';
import { parseDuration } from '../../core/units.js';
import { loadSite } from '../config/load.js';
import { openLogger } from '../logger.js';
import { failWith, misuse, print } from '../output.js';

interface Options {
  config: string;
  wait: string;
  sms?: string;
  quiet?: boolean;
  json?: boolean;
}

const WORDS: Record<Check['result'], string> = { pass: 'PASS', fail: 'FAIL', skipped: 'SKIP' };

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('reads each sensor, beeps, looks at clock, disk, broker, relay and modem; says what to do')
    .requiredOption('--config <SITE.yaml>', 'the site file')
    .option('--wait <DURATION>', 'how long to wait for sensors that report by themselves', '30s')
    .option('--sms <PERSON>', 'also send a test text to this person of the site file')
    .option('--quiet', 'no beep and no lamp')
    .option('--json', 'print the result as JSON')
    .action(async ({ config, wait, sms, quiet, json }: Options) => {
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
      const { examine } = await import('../../agent/doctor/doctor.js');
      const checks: Check[] = [];
      const visit = { waitMs, textTo: sms, quiet: quiet === true };
      for await (const check of examine(loaded.value, visit, openLogger('fatal'))) {
        checks.push(check);
        if (!json) print(`${WORDS[check.result]}  ${check.what}: ${check.detail}`);
      }
      const failed = checks.filter(({ result }) => result === 'fail').length;
      if (json) print(JSON.stringify({ ok: failed === 0, checks }));
      else print(failed === 0 ? 'All is well.' : `${failed} of ${checks.length} need a hand.`);
      // Ports that a driver has left in the kernel's hands must not keep this command alive.
      process.exit(failed === 0 ? 0 : 1);
    });
}
