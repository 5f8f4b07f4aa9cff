#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { logged } from '../core/errors.js';
import { own } from '../core/own.js';
import { COMMANDS } from './commands.js';

const { version, engines } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string; engines: { node: string } };
const NODE_MIN = Number(engines.node.replace(/\D+/, ''));

// Older ones crash inside SQLite without a word.
if (Number.parseInt(process.versions.node, 10) < NODE_MIN) {
  process.stderr.write(
    `coldwatch: Node.js ${process.versions.node} is too old: ${NODE_MIN} or newer is needed. From a clone, ./scripts/coldwatch brings its own.\n`,
  );
  process.exit(2);
}

// Whoever reads our output may have seen enough (`| head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

const program = new Command('coldwatch')
  .description('Cold-chain monitoring: the agent on a clinic’s gateway, and the relay behind it')
  .version(version)
  .exitOverride()
  .enablePositionalOptions()
  .configureOutput({ outputError: (text, write) => write(text) });

/** A command added whole inherits nothing: not that wrong use is an error of ours to count. */
function overriding(command: Command): Command {
  for (const sub of command.commands) overriding(sub);
  return command.exitOverride();
}

// Exit status: 0 done, 1 found something wrong, 2 wrong use.
const named = own(COMMANDS, process.argv[2] ?? '');
for (const load of named ? [named] : Object.values(COMMANDS)) {
  program.addCommand(overriding(await load()));
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    const { error: what, code } = logged(error);
    process.stderr.write(`coldwatch: ${what}${code ? ` [${code}]` : ''}\n`);
    process.exitCode = 1;
  }
}
