import type { Clock } from '../../core/clock/clock.js';
import type { Reading } from '../../core/reading.js';
import { DEVICE_UNITS, QUANTITIES, toMilli } from '../../core/units.js';
import type { Decoded, DriverSink, RawSample, Receipt } from '../drivers/driver.js';
import type { Board } from './board.js';
import { judge, type Limits } from './plausibility.js';

export interface IngestOutput {
  /** Everything that one payload held, and its receipt when its source wants to know that it is durable. */
  readings(readings: readonly Reading[], receipt: Receipt | undefined): void;
  /** A payload or an attempt that gave nothing to believe. */
  failure(sensor: string, reason: string): void;
}

/** Raw samples → readings with a quality: units, sentinels, range, and each device time once. */
export class Ingest implements DriverSink {
  readonly #limits: ReadonlyMap<string, Limits | undefined>;
  readonly #clock: Clock;
  readonly #timeline: () => number;
  readonly #board: Board;
  readonly #output: IngestOutput;
  /** Per channel the device time last taken: a device that repeats itself makes no second reading. */
  readonly #lastDeviceMs = new Map<string, number>();

  constructor(
    limits: ReadonlyMap<string, Limits | undefined>,
    clock: Clock,
    timeline: () => number,
    board: Board,
    output: IngestOutput,
  ) {
    this.#limits = limits;
    this.#clock = clock;
    this.#timeline = timeline;
    this.#board = board;
    this.#output = output;
  }

  payload(sensor: string, decoded: Decoded, receipt?: Receipt): void {
    const readings = decoded.samples.flatMap((sample) => this.#toReading(sensor, sample));
    for (const problem of decoded.problems) this.#problem(sensor, problem);
    for (const reading of readings) {
      this.#board.reading(reading);
      if (reading.reason) this.#board.problem(sensor, describe(reading), this.#clock.wall());
    }
    if (readings.length > 0) this.#output.readings(readings, receipt);
    else receipt?.();
    if (decoded.samples.length === 0)
      this.#output.failure(sensor, decoded.problems[0] ?? 'nothing in the payload');
  }

  /** An attempt to read that failed. */
  failed(sensor: string, reason: string): void {
    this.#problem(sensor, reason);
    this.#output.failure(sensor, reason);
  }

  unknown(source: string, detail: string): void {
    this.#board.heardUnknown(source, detail, this.#clock.wall());
  }

  #problem(sensor: string, text: string): void {
    this.#board.problem(sensor, text, this.#clock.wall());
  }

  #toReading(sensor: string, sample: RawSample): Reading[] {
    const { quantity, unit, deviceMs } = sample;
    const milli = toMilli(sample.value, unit);
    if (!Number.isFinite(milli) || DEVICE_UNITS[unit].to !== QUANTITIES[quantity]) {
      this.#problem(
        sensor,
        `${quantity}: got ${sample.value} ${unit}, expected a number in ${QUANTITIES[quantity]}`,
      );
      return [];
    }
    if (deviceMs !== undefined && this.#seen(`${sensor}/${quantity}`, deviceMs)) return [];
    return [
      {
        sensor,
        quantity,
        milli,
        ...judge(quantity, milli, sample.fault, this.#limits.get(sensor)),
        atMs: deviceMs ?? this.#timeline(),
        monoMs: this.#clock.mono(),
        wallMs: this.#clock.wall(),
        ...(deviceMs === undefined ? {} : { deviceMs }),
      },
    ];
  }

  #seen(channel: string, deviceMs: number): boolean {
    const seen = this.#lastDeviceMs.get(channel) === deviceMs;
    this.#lastDeviceMs.set(channel, deviceMs);
    return seen;
  }
}

function describe(reading: Reading): string {
  return `${reading.quantity} ${reading.milli / 1000} ${QUANTITIES[reading.quantity]} is not believed: ${reading.reason}`;
}
