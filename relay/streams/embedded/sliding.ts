import type { ClinicAggregate, SensorAggregate } from '../../../core/contract/streams.js';
import type { LiveRow } from './patterns.js';
import { add, emptySums, merge, type Sums, secondsOutside, shown, WINDOW_MS } from './sums.js';

const SLIDE_MS = 60_000;
/** Sensors followed in a minute; more are in no sliding window. */
const SENSORS_MAX = 50_000;

interface Slice {
  clinic: string;
  sensor: string;
  sums: Sums;
}

export interface Slid {
  sensors: SensorAggregate[];
  clinics: ClinicAggregate[];
}

/** The five minutes up to each minute, out of slices of a minute; a window that was passed is not opened again. */
export class Sliding {
  /** By start of the minute, then by clinic and sensor. */
  readonly #slices = new Map<number, Map<string, Slice>>();
  /** The end of the next window. */
  #next: number | undefined;

  /** In the order of event time. */
  take({ clinic, sensor, at, value }: LiveRow): void {
    const minute = at - (at % SLIDE_MS);
    const slices = this.#slices.get(minute) ?? new Map<string, Slice>();
    this.#slices.set(minute, slices);
    const key = `${clinic}/${sensor}`;
    const slice = slices.get(key) ?? { clinic, sensor, sums: emptySums() };
    if (slices.size < SENSORS_MAX) slices.set(key, slice);
    add(slice.sums, value);
    this.#next ??= minute + SLIDE_MS;
  }

  /** Nothing at or before `ms` comes any more: the windows that end there are whole. */
  pass(ms: number): Slid {
    const slid: Slid = { sensors: [], clinics: [] };
    while (this.#next !== undefined && this.#next - 1 <= ms) {
      this.#close(this.#next, slid);
      this.#next += SLIDE_MS;
      // Where nothing was measured there are no windows.
      if (this.#slices.size === 0) this.#next = undefined;
      else this.#next = Math.max(this.#next, Math.min(...this.#slices.keys()) + SLIDE_MS);
    }
    return slid;
  }

  #close(end: number, slid: Slid): void {
    const since = end - WINDOW_MS;
    const sensors = new Map<string, Slice>();
    for (let minute = since; minute < end; minute += SLIDE_MS) {
      for (const [key, { clinic, sensor, sums }] of this.#slices.get(minute) ?? []) {
        const whole = sensors.get(key) ?? { clinic, sensor, sums: emptySums() };
        merge(whole.sums, sums);
        sensors.set(key, whole);
      }
    }
    this.#slices.delete(since);
    const clinics = new Map<string, Slice[]>();
    for (const one of sensors.values()) {
      const { clinic, sensor, sums } = one;
      slid.sensors.push({ clinic, sensor, since, ...shown(sums), seconds_outside: secondsOutside(sums) });
      clinics.set(clinic, [...(clinics.get(clinic) ?? []), one]);
    }
    for (const [clinic, slices] of clinics) {
      const sums = emptySums();
      for (const slice of slices) merge(sums, slice.sums);
      const sensors_outside = slices.filter((slice) => slice.sums.outside > 0).length;
      slid.clinics.push({ clinic, since, ...shown(sums), sensors: slices.length, sensors_outside });
    }
  }
}
