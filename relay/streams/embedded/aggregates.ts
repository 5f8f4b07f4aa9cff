import type { ReadingMessage } from '../../../core/contract/messages.js';
import type { ClinicAggregate, SensorAggregate } from '../../../core/contract/streams.js';

const WINDOW_MS = 300_000;
/** Windows kept to be corrected: a week of fifty sensors. What comes later than that starts its window anew. */
const WINDOWS_MAX = 120_000;
const [LOW, HIGH] = [2, 8];

interface Sums {
  count: number;
  min: number;
  max: number;
  sum: number;
  outside: number;
}

interface ClinicSums extends Sums {
  sensors: Set<string>;
  sensorsOutside: Set<string>;
}

export const roundTo = (value: number, digits: number) => Math.round(value * 10 ** digits) / 10 ** digits;

/** Five minutes by event time that never close: each good reading corrects its own, however late it comes. */
export class Aggregates {
  readonly #sensors = new Map<string, Sums>();
  readonly #clinics = new Map<string, ClinicSums>();

  take({ clinic, sensor, value, measured_at }: ReadingMessage): {
    sensor: SensorAggregate;
    clinic: ClinicAggregate;
  } {
    const since = measured_at - (measured_at % WINDOW_MS);
    const bySensor = touch(this.#sensors, `${clinic}/${sensor}/${since}`, () => start());
    add(bySensor, value);
    const byClinic = touch(this.#clinics, `${clinic}/${since}`, () => ({
      ...start(),
      sensors: new Set<string>(),
      sensorsOutside: new Set<string>(),
    }));
    add(byClinic, value);
    byClinic.sensors.add(sensor);
    if (isOutside(value)) byClinic.sensorsOutside.add(sensor);
    return {
      sensor: {
        clinic,
        sensor,
        since,
        ...shown(bySensor),
        seconds_outside: roundTo((300 * bySensor.outside) / bySensor.count, 6),
      },
      clinic: {
        clinic,
        since,
        ...shown(byClinic),
        sensors: byClinic.sensors.size,
        sensors_outside: byClinic.sensorsOutside.size,
      },
    };
  }
}

const isOutside = (value: number) => value > HIGH || value < LOW;
const start = (): Sums => ({
  count: 0,
  min: Number.POSITIVE_INFINITY,
  max: Number.NEGATIVE_INFINITY,
  sum: 0,
  outside: 0,
});

function add(sums: Sums, value: number): void {
  sums.count += 1;
  sums.sum += value;
  sums.min = Math.min(sums.min, value);
  sums.max = Math.max(sums.max, value);
  if (isOutside(value)) sums.outside += 1;
}

const shown = ({ count, min, max, sum }: Sums) => ({ count, min, max, mean: roundTo(sum / count, 6) });

/** The entry of a key, made when missing; the ones not touched for longest go beyond WINDOWS_MAX. */
function touch<T>(map: Map<string, T>, key: string, make: () => T): T {
  const entry = map.get(key) ?? make();
  map.delete(key);
  map.set(key, entry);
  if (map.size > WINDOWS_MAX) map.delete(map.keys().next().value!);
  return entry;
}
