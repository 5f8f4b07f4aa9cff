import type { DriverKind } from '../kind.js';
import type { ContactLine } from './contacts.js';
import type { W1Sensor } from './w1.js';

export const w1: DriverKind<{ root: string; probes: W1Sensor[] }> = {
  needs({ config, sensors }) {
    const probes = sensors.flatMap(({ id, source, everyMs }) =>
      source.kind === 'w1' ? [{ sensor: id, rom: source.rom, everyMs }] : [],
    );
    return probes.length > 0 ? { root: config.gpio.w1_root, probes } : undefined;
  },
  async load() {
    const { openW1 } = await import('./w1.js');
    return ({ root, probes }) => openW1(root, probes);
  },
};

export const contacts: DriverKind<ContactLine[]> = {
  needs({ config }) {
    const lines = config.contacts.map(({ id, line, active, every }) => ({
      sensor: id,
      line,
      active,
      everyMs: every,
    }));
    return lines.length > 0 ? lines : undefined;
  },
  async load() {
    const { openContacts } = await import('./contacts.js');
    return (needed, { lines }) => openContacts(lines, needed);
  },
};
