import { Command } from 'commander';
import { checkFile } from '../config/load.js';
import { errorsOf, formatProblem } from '../config/yaml.js';
import { print } from '../output.js';

export function checkCommand(): Command {
  return new Command('check')
    .description('validates site files, relay files, device models and presets: every error at once')
    .argument('<FILE...>')
    .option('--json', 'print the result as JSON')
    .action((files: string[], { json }: { json?: boolean }) => {
      const results = files.map((file) => ({ file, ...checkFile(file) }));
      const problems = results.flatMap((result) => result.problems);
      const errors = errorsOf(problems);
      if (json) print(JSON.stringify({ ok: errors.length === 0, files: results }));
      else for (const result of results) if (errorsOf(result.problems).length === 0) print(verdict(result));
      for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`);
      if (errors.length > 0) process.exitCode = 1;
    });
}

function verdict({ file, kind, problems }: { file: string; kind: string; problems: unknown[] }): string {
  const warnings = problems.length === 1 ? '1 warning' : `${problems.length} warnings`;
  return `${file}: a good ${kind} file${problems.length > 0 ? `, with ${warnings}` : ''}`;
}
