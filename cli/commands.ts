import type { Command } from 'commander';

/** Loaded by name: a gateway that starts its agent waits for nothing else. */
export const COMMANDS: Record<string, () => Promise<Command>> = {
  agent: async () => (await import('../agent/cli/agent.js')).agentCommand(),
  relay: async () => (await import('../relay/cli/relay.js')).relayCommand(),
  backtest: async () => (await import('../lab/backtest/command.js')).backtestCommand(),
  check: async () => {
    const { relayFile } = await import('../relay/config/load.js');
    return (await import('../agent/cli/check.js')).checkCommand([relayFile]);
  },
  decode: async () => (await import('../agent/cli/decode.js')).decodeCommand(),
  discover: async () => (await import('../agent/cli/discover.js')).discoverCommand(),
  doctor: async () => (await import('../agent/cli/doctor.js')).doctorCommand(),
  train: async () => (await import('../lab/train/command.js')).trainCommand(),
  import: async () => (await import('../lab/fridge-tag/command.js')).importCommand(),
};
