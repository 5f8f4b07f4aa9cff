#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { messageOf } from '../core/errors.js';
import { agentCommand } from './commands/agent.js';
import { checkCommand } from './commands/check.js';
import { decodeCommand } from './commands/decode.js';
import { importCommand } from './commands/import.js';
import { relayCommand } from './commands/relay.js';

const program = new Command('coldwatch')
  .description('Cold-chain monitoring: the agent on a clinic’s gateway, and the relay behind it')
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(text) });

// Exit status: 0 done, 1 found something wrong, 2 wrong use.
for (const command of [agentCommand(), relayCommand(), checkCommand(), decodeCommand(), importCommand()]) {
  program.addCommand(command.exitOverride());
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    process.stderr.write(`coldwatch: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}
