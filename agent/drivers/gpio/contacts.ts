import type { Decoded, Driver, DriverSink, InputLine, Lines } from '../driver.js';

export interface ContactLine {
  sensor: string;
  line: number;
  active: 'high' | 'low';
  everyMs: number;
}

/** Doors and mains sense: a reading at each change and, so that silence means something, on a cadence. */
export function openContacts(lines: Lines, contacts: readonly ContactLine[]): Driver {
  const open = new Map<string, InputLine>();
  return {
    probes: contacts.map(({ sensor, everyMs }) => ({
      sensor,
      bus: 'gpio',
      everyMs,
      deadlineMs: 1000,
      read: async () => position(open.get(sensor)?.read() ?? false),
    })),
    start: async (sink: DriverSink) => {
      for (const { sensor, line, active } of contacts) {
        open.set(
          sensor,
          lines.input({ line, active }, (level) => sink.payload(sensor, position(level))),
        );
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
