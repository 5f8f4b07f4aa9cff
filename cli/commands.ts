import type { Command } from 'commander';

/** Loaded by name: a gateway that starts its agent waits for nothing else. */
export const COMMANDS: Record<string, () => Promise<Command>> = {
  agent: async () => (await import('./commands/agent.js')).agentCommand(),
  relay: async () => (await import('./commands/relay.js')).relayCommand(),
  backtest: async () => (await import('./commands/backtest.js')).backtestCommand(),
  check: async () => (await import('./commands/check.js')).checkCommand(),
  decode: async () => (await import('./commands/decode.js')).decodeCommand(),
  discover: async () => (await import('./commands/discover.js')).discoverCommand(),
  doctor: async () => (await import('./commands/doctor.js')).doctorCommand(),
  train: async () => (await import('./commands/train.js')).trainCommand(),
  import: async () => (await import('./commands/import.js')).importCommand(),
};
