import { RowBuffer, WRITE_CELLS } from '../../../agent/ring/rows.js';
import { RingStore, stateCommit } from '../../../agent/ring/store.js';

export const SENSORS = 10;
export const START = Date.UTC(2026, 0, 1);

/** A DS18B20 in a fridge, read each minute: sixteenths of a degree that wander, milliseconds that jitter. */
export function* minuteReadings(count: number) {
  let random = 12_345;
  const next = () => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fffffff;
    return random / 0x7fffffff;
  };
  for (let i = 0; i < count; i++) {
    const sensor = i % SENSORS;
    const minute = Math.floor(i / SENSORS);
    const cycle = Math.sin((minute + sensor * 7) / 6) * 0.8 + 4.5 + (next() - 0.5) * 0.1;
    yield {
      sensor,
      mono: minute * 60_000 + sensor * 900 + Math.round(next() * 4),
      milli: Math.floor((Math.round(cycle * 16) * 1000) / 16),
    };
  }
}

/** Fills a ring as weeks without a network would. */
export function fillRing(file: string, count: number): void {
  const store = new RingStore(file);
  const none = stateCommit([]);
  store.commit({
    ...none,
    channels: Array.from({ length: SENSORS }, (_, i) => ({
      id: i + 1,
      sensor: `s${i}`,
      quantity: 'temperature' as const,
    })),
    segments: [{ id: 1, boot: 'bench', wallOffset: START, timelineOffset: START, synchronised: true }],
  });
  let rows = new RowBuffer(WRITE_CELLS);
  let seq = 0;
  for (const { sensor, mono, milli } of minuteReadings(count)) {
    seq += 1;
    const at = rows.grow();
    rows.cells.set([seq, sensor + 1, 1, mono, Number.NaN, milli, 0], at);
    if (rows.rows === 5000 || seq === count) {
      store.commit({ ...none, readings: rows.packed() });
      rows = new RowBuffer(WRITE_CELLS);
    }
  }
  store.close();
}
