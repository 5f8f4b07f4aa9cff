import { ColdwatchError, messageOf } from '../../../core/errors.js';
import type { Decoded, Driver, DriverSink, InputLine, Lines } from '../driver.js';

export interface ContactLine {
  sensor: string;
  line: number;
  active: 'high' | 'low';
  everyMs: number;
}

/** Doors and mains sense: a reading at each change and, so that silence means something, on a cadence. */
export function openContacts(lines: () => Lines, contacts: readonly ContactLine[]): Driver {
  const open = new Map<string, InputLine>();
  let changed: (sensor: string, level: boolean) => void = () => {};

  function openLine({ sensor, line, active }: ContactLine): InputLine {
    const input = open.get(sensor) ?? lines().input({ line, active }, (level) => changed(sensor, level));
    open.set(sensor, input);
    return input;
  }

  /**
   * A line that cannot be opened or read gives no position at all: a guess would be a false alarm, or a missed one. It
   * is opened again whenever its turn comes.
   */
  async function read(contact: ContactLine): Promise<Decoded> {
    try {
      return position(openLine(contact).read());
    } catch (error) {
      open.get(contact.sensor)?.close();
      open.delete(contact.sensor);
      throw new ColdwatchError('device.unavailable', messageOf(error), { retry: true, cause: error });
    }
  }

  return {
    name: 'contacts',
    probes: contacts.map((contact) => ({
      sensor: contact.sensor,
      bus: 'gpio',
      everyMs: contact.everyMs,
      deadlineMs: 1000,
      read: () => read(contact),
    })),
    start: async (sink: DriverSink) => {
      changed = (sensor, level) => sink.payload(sensor, position(level));
    },
    stop: async () => {
      for (const input of open.values()) input.close();
      open.clear();
    },
  };
}

function position(active: boolean): Decoded {
  return { samples: [{ quantity: 'contact', unit: '1', value: active ? 1 : 0 }], problems: [] };
}
