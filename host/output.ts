import { type FileProblem, formatProblem } from './settings/yaml.js';

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Lists every problem on stderr and sets exit status 1. */
export function failWith(problems: readonly FileProblem[]): void {
  for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`);
  process.exitCode = 1;
}

/** Wrong use: says what, and sets exit status 2. */
export function misuse(message: string): void {
  process.stderr.write(`coldwatch: ${message}\n`);
  process.exitCode = 2;
}
