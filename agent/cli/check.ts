import { Command } from 'commander';
import { SystemClock } from '../../host/clock.js';
import { print } from '../../host/output.js';
import type { FileKind } from '../../host/settings/kind.js';
import { errorsOf, type FileProblem, formatProblem } from '../../host/settings/yaml.js';
import { formerOf, runningAgent } from '../doctor/running.js';
import { checkFile } from '../site/check.js';
import { leftBehind } from '../site/left-behind.js';
import type { ResolvedSite } from '../site/resolve.js';
import { seldomNotes, type Told, toldLines, toldOf, toldToNobody } from '../site/told.js';

interface Checked {
  file: string;
  kind: string;
  problems: FileProblem[];
  /** Of a good site file: who is told of what, and what else its writer should know. */
  told?: Told[];
  notes?: string[];
}

/** `others`: kinds of files that are not the agent’s. */
export function checkCommand(others: readonly FileKind[]): Command {
  return new Command('check')
    .description(
      'validates site files, relay files, device models and presets: every error at once; says of a site who is told of what',
    )
    .argument('<FILE...>')
    .option('--json', 'print the result as JSON')
    .action(async (files: string[], { json }: { json?: boolean }) => {
      const results = await Promise.all(files.map((file) => check(file, others)));
      const problems = results.flatMap((result) => result.problems);
      const errors = errorsOf(problems);
      if (json) print(JSON.stringify({ ok: errors.length === 0, files: results }));
      else for (const result of results) if (errorsOf(result.problems).length === 0) present(result);
      for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`);
      if (errors.length > 0) process.exitCode = 1;
    });
}

async function check(file: string, others: readonly FileKind[]): Promise<Checked> {
  const { kind, problems, site } = checkFile(file, others);
  if (!site || errorsOf(problems).length > 0) return { file, kind, problems };
  const told = toldOf(site);
  return { file, kind, problems, told, notes: await notesOf(site, told) };
}

async function notesOf(site: ResolvedSite, told: readonly Told[]): Promise<string[]> {
  const unheard = toldToNobody(told);
  const running = await runningAgent(site.config, new SystemClock());
  return [
    ...(unheard.length > 0
      ? [
          `nobody at the clinic is told of ${unheard.join(', ')}: that takes a buzzer, or sms, people and alarm.steps`,
        ]
      : []),
    ...seldomNotes(site),
    ...(running ? leftBehind(formerOf(running), site).map((what) => `of what runs now, ${what}`) : []),
  ];
}

function present({ file, kind, problems, told = [], notes = [] }: Checked): void {
  const warnings = problems.length === 1 ? '1 warning' : `${problems.length} warnings`;
  print(`${file}: a good ${kind} file${problems.length > 0 ? `, with ${warnings}` : ''}`);
  if (told.length > 0) print(['Who is told of what:', ...toldLines(told)].join('\n'));
  for (const note of notes) print(`Note: ${note}.`);
}
