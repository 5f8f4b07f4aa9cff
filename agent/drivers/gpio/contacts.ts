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
  const failures = new Map<string, string>();

  /** A line that cannot be opened gives no position at all: a guess would be a false alarm, or a missed one. */
  async function read(sensor: string): Promise<Decoded> {
    const input = open.get(sensor);
    if (input) return position(input.read());
    throw new ColdwatchError('device.unavailable', failures.get(sensor) ?? 'the line is not open');
  }

  return {
    probes: contacts.map(({ sensor, everyMs }) => ({
      sensor,
      bus: 'gpio',
      everyMs,
      deadlineMs: 1000,
      read: () => read(sensor),
    })),
    start: async (sink: DriverSink) => {
      for (const { sensor, line, active } of contacts) {
        try {
          const changed = (level: boolean) => sink.payload(sensor, position(level));
          open.set(sensor, lines().input({ line, active }, changed));
        } catch (error) {
          failures.set(sensor, messageOf(error));
        }
      }
    },
    stop: async () => {
      for (const input of open.values()) input.close();
    },
  };
}

function position(active: boolean): Decoded {
  return { samples: [{ quantity: 'contact', unit: '1', value: active ? 1 : 0 }], problems: [] };
}
