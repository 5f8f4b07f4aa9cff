import type { ErrorCode } from '../../core/errors.js';
import type { Reading } from '../../core/reading.js';
import type { Quantity } from '../../core/units.js';

/** What the technician sees of one sensor. */
export interface SensorBoard {
  name: string;
  last: Partial<Record<Quantity, Reading>>;
  good: number;
  bad: number;
  problems: number;
  /** Copies of what had been heard already. */
  repeated: number;
  lastProblem: { text: string; wallMs: number; code?: ErrorCode | undefined } | null;
}

export interface UnknownSource {
  count: number;
  last: string;
  wallMs: number;
}

/** More sources than this that nobody has configured are counted together, not kept. */
export const UNKNOWN_MAX = 50;

/** The last of everything, for people: bounded, and lost with the process. */
export class Board {
  readonly sensors = new Map<string, SensorBoard>();
  readonly unknown = new Map<string, UnknownSource>();
  unknownBeyond = 0;

  constructor(sensors: Iterable<{ id: string; name: string }>) {
    for (const { id, name } of sensors) {
      this.sensors.set(id, { name, last: {}, good: 0, bad: 0, problems: 0, repeated: 0, lastProblem: null });
    }
  }

  /** What was known of these sensors before a changed site file was taken. */
  takeOver(former: Board): void {
    for (const [id, entry] of this.sensors) {
      const before = former.sensors.get(id);
      if (before) this.sensors.set(id, { ...before, name: entry.name });
    }
  }

  reading(reading: Reading): void {
    const entry = this.sensors.get(reading.sensor);
    if (!entry) return;
    entry.last[reading.quantity] = reading;
    if (reading.quality === 'bad') entry.bad += 1;
    else entry.good += 1;
  }

  /** Whether anything has come from it that is worth believing. */
  heard(sensor: string): boolean {
    return (this.sensors.get(sensor)?.good ?? 0) > 0;
  }

  /** °C that it said last, unless that was not to be believed. */
  celsius(sensor: string): number | undefined {
    const last = this.sensors.get(sensor)?.last.temperature;
    return last === undefined || last.quality === 'bad' ? undefined : last.milli / 1000;
  }

  repeated(sensor: string): void {
    const entry = this.sensors.get(sensor);
    if (entry) entry.repeated += 1;
  }

  problem(sensor: string, text: string, wallMs: number, code?: ErrorCode): void {
    const entry = this.sensors.get(sensor);
    if (!entry) return;
    entry.problems += 1;
    entry.lastProblem = { text: text.slice(0, 300), wallMs, code };
  }

  heardUnknown(source: string, detail: string, wallMs: number): void {
    const entry = this.unknown.get(source);
    if (entry) {
      entry.count += 1;
      entry.last = detail;
      entry.wallMs = wallMs;
    } else if (this.unknown.size < UNKNOWN_MAX) {
      this.unknown.set(source, { count: 1, last: detail, wallMs });
    } else {
      this.unknownBeyond += 1;
    }
  }
}
