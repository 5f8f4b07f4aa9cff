import { Command } from 'commander';
import { checkFile } from '../config/load.js';
import { failWith, print } from '../output.js';

export function checkCommand(): Command {
  return new Command('check')
    .description('validates site files, relay files, device models and presets: every error at once')
    .argument('<FILE...>')
    .option('--json', 'print the result as JSON')
    .action((files: string[], { json }: { json?: boolean }) => {
      const results = files.map((file) => ({ file, ...checkFile(file) }));
      const problems = results.flatMap((result) => result.problems);
      if (json) print(JSON.stringify({ ok: problems.length === 0, files: results }));
      else
        for (const { file, kind, problems: own } of results)
          if (own.length === 0) print(`${file}: a good ${kind} file`);
      if (problems.length > 0) failWith(problems);
    });
}
