import { asTimeline, asWall, type Clock, type TimelineMs, type WallMs } from '../../core/clock/clock.js';
import { type PlausibleSpec, type PlausibleState, stepPlausible } from '../../core/detect/plausible.js';
import type { ErrorCode } from '../../core/errors.js';
import { isBelievable, showTime } from '../../core/payload.js';
import type { Quality, Reason } from '../../core/quality.js';
import { ChannelMap, type Reading } from '../../core/reading.js';
import {
  clampMilli,
  DEVICE_UNITS,
  MILLI_MAX,
  type Milli,
  QUANTITIES,
  type Quantity,
  toMilli,
} from '../../core/units.js';
import type { Decoded, DriverSink, RawSample, Receipt } from '../drivers/driver.js';
import type { Board } from './board.js';
import { type Calibration, calibrate } from './calibration.js';
import type { DeviceTimes } from './device-times.js';
import type { Identity, IdentityBook } from './identity.js';
import { judge, possible, type Validity } from './plausibility.js';

export interface IngestOutput {
  /** Everything that one payload held, and its receipt when its source wants to know that it is durable. */
  readings(readings: readonly Reading[], receipt: Receipt | undefined): void;
  /** A payload or an attempt that gave nothing to believe. */
  failure(sensor: string, reason: string): void;
  /** The readings come from another probe than before, or (undefined) from the right one. */
  identity(sensor: string, device: string, other: Identity | undefined): void;
}

/** By what a sensor's values are judged and corrected; known before it says anything. */
export interface InputChecks {
  validity: Validity | undefined;
  calibration: Calibration | undefined;
  plausible(quantity: Quantity): PlausibleSpec;
  /** A bridge that publishes what it has cached: the same payload again within this time is no new reading. */
  repeatMs: number;
}

const UNDATED = { quality: 'suspect', reason: 'device_time' } as const;

export interface IngestDeps {
  checks: ReadonlyMap<string, InputChecks>;
  clock: Clock;
  timeline: () => TimelineMs;
  board: Board;
  identities: IdentityBook;
  /** The newest time of each device, as of before this start too. */
  times: Pick<DeviceTimes, 'newest' | 'take'>;
}

/** Raw samples → readings with a quality: identity, units, sentinels, range, calibration, pace, each device time once. */
export class Ingest implements DriverSink {
  readonly #deps: IngestDeps;
  readonly #output: IngestOutput;
  /** Per channel the device time last taken: a device that repeats itself makes no second reading. */
  readonly #lastDeviceMs = new ChannelMap<number>();
  readonly #plausible = new ChannelMap<PlausibleState>();
  readonly #lastPayload = new Map<string, { samples: readonly RawSample[]; monoMs: number }>();
  /** Sensors whose readings come from their own probe. */
  readonly #atHome = new Set<string>();

  constructor(deps: IngestDeps, output: IngestOutput) {
    this.#deps = deps;
    this.#output = output;
  }

  payload(sensor: string, decoded: Decoded, receipt?: Receipt): void {
    const samples = decoded.retained
      ? decoded.samples.filter((s) => this.#isNews(sensor, s))
      : decoded.samples;
    if (decoded.retained && samples.length === 0) return void receipt?.();
    for (const problem of decoded.problems) this.#problem(sensor, problem);
    if (samples.length === 0) {
      // What comes after nonsense is news, whatever it says.
      this.#lastPayload.delete(sensor);
      receipt?.();
      return this.#output.failure(sensor, decoded.problems[0] ?? 'nothing in the payload');
    }
    const mixed = this.#mixed(samples);
    if (mixed !== undefined) {
      receipt?.();
      return this.failed(sensor, mixed);
    }
    if (this.#repeated(sensor, samples)) {
      this.#deps.board.repeated(sensor);
      return void receipt?.();
    }
    const known = this.#recognise(sensor, samples);
    const readings: Reading[] = [];
    for (const sample of samples) {
      const reading = this.#toReading(sensor, sample, known);
      if (!reading) continue;
      readings.push(reading);
      this.#deps.board.reading(reading);
      if (reading.quality === 'bad') this.#problem(sensor, describe(reading, sample));
    }
    if (readings.length > 0) this.#output.readings(readings, receipt);
    else receipt?.();
  }

  /** An attempt to read that failed. */
  failed(sensor: string, reason: string, code?: ErrorCode): void {
    this.#problem(sensor, reason, code);
    this.#output.failure(sensor, reason);
  }

  unknown(source: string, detail: string): void {
    this.#deps.board.heardUnknown(source, detail, this.#deps.clock.wall());
  }

  /** A broker's copy is of an unknown age: only a time of its own, and a new one, makes it a reading. */
  #isNews(sensor: string, { quantity, deviceMs }: RawSample): boolean {
    const newest = this.#deps.times.newest({ sensor, quantity });
    return deviceMs !== undefined && deviceMs > newest && isBelievable(deviceMs, this.#knownNow());
  }

  /** The wall clock may be set wrong, backwards too; the timeline never goes back. */
  #knownNow(): number | undefined {
    const { clock, timeline } = this.#deps;
    return clock.synchronised() ? Math.max(clock.wall(), timeline()) : undefined;
  }

  #problem(sensor: string, text: string, code?: ErrorCode): void {
    this.#deps.board.problem(sensor, text, this.#deps.clock.wall(), code);
  }

  /** Two probes in one series would be a record of neither. */
  #mixed(samples: readonly RawSample[]): string | undefined {
    const first = samples[0]!.device;
    const other = samples.find(({ device }) => device !== first)?.device;
    if (other === undefined) return undefined;
    return `the payload has several probes (${first}, ${other}): name the one that is meant with source.device`;
  }

  #repeated(sensor: string, samples: readonly RawSample[]): boolean {
    const repeatMs = this.#deps.checks.get(sensor)?.repeatMs ?? 0;
    if (repeatMs === 0 || samples[0]!.deviceMs !== undefined) return false;
    const monoMs = this.#deps.clock.mono();
    const last = this.#lastPayload.get(sensor);
    if (last && monoMs - last.monoMs < repeatMs && sameValues(last.samples, samples)) return true;
    this.#lastPayload.set(sensor, { samples, monoMs });
    return false;
  }

  /** False when the payload names a probe that is not this sensor's. */
  #recognise(sensor: string, samples: readonly RawSample[]): boolean {
    const device = samples[0]!.device;
    if (device === undefined) return true;
    const other = this.#deps.identities.check(sensor, device);
    // Said at first too: what was said before this start may be over.
    if (other === undefined && this.#atHome.has(sensor)) return true;
    if (other) this.#atHome.delete(sensor);
    else this.#atHome.add(sensor);
    this.#output.identity(sensor, device, other);
    return other === undefined;
  }

  #toReading(sensor: string, sample: RawSample, known: boolean): Reading | undefined {
    const { quantity, unit, deviceMs } = sample;
    const raw = toMilli(sample.value, unit);
    if (Number.isNaN(raw) || DEVICE_UNITS[unit].to !== QUANTITIES[quantity]) {
      this.failed(
        sensor,
        `${quantity}: got ${sample.value} ${unit}, expected a number in ${QUANTITIES[quantity]}`,
      );
      return undefined;
    }
    const channel = { sensor, quantity };
    if (deviceMs !== undefined) {
      if (this.#lastDeviceMs.get(channel) === deviceMs) return undefined;
      this.#lastDeviceMs.set(channel, deviceMs);
    }
    const dated = this.#dated(sensor, sample);
    const checks = this.#deps.checks.get(sensor);
    const corrected =
      quantity === 'temperature' && checks?.calibration ? calibrate(checks.calibration, raw) : raw;
    const atMs = dated === undefined ? this.#deps.timeline() : asTimeline(dated);
    const reading: Reading = {
      sensor,
      quantity,
      milli: clampMilli(corrected),
      ...this.#verdict(checks, sample, channel, { raw, corrected }, atMs, known),
      atMs,
      monoMs: this.#deps.clock.mono(),
      wallMs: this.#deps.clock.wall(),
    };
    if (dated === undefined) {
      // The value counts; when it was measured is not known better than when it came.
      const doubtful = sample.undated || deviceMs !== undefined;
      if (doubtful && reading.quality === 'good') Object.assign(reading, UNDATED);
      return reading;
    }
    reading.deviceMs = dated;
    this.#deps.times.take(channel, dated);
    return reading;
  }

  /** The device's own time, if it may be true. */
  #dated(sensor: string, { deviceMs }: RawSample): WallMs | undefined {
    if (deviceMs === undefined) return undefined;
    if (isBelievable(deviceMs, this.#knownNow())) return asWall(deviceMs);
    const said = showTime(deviceMs);
    this.#problem(sensor, `the device says that it measured at ${said}, which cannot be: set its clock`);
    return undefined;
  }

  /** First what the device itself means, then whether the value can follow the one before it. */
  #verdict(
    checks: InputChecks | undefined,
    { quantity, fault }: RawSample,
    channel: { sensor: string; quantity: Quantity },
    { raw, corrected }: { raw: Milli; corrected: Milli },
    atMs: number,
    known: boolean,
  ): { quality: Quality; reason?: Reason } {
    const judged = judge(quantity, raw, fault, checks?.validity);
    if (judged.quality === 'bad') return judged;
    // Whatever range a model allows, and whatever a certificate makes of a value.
    if (Math.abs(raw) > MILLI_MAX || (corrected !== raw && !possible(quantity, corrected))) {
      return { quality: 'bad', reason: 'out_of_range' };
    }
    if (!checks) return judged;
    const { state, verdict } = stepPlausible(checks.plausible(quantity), this.#plausible.get(channel), {
      atMs,
      milli: raw,
    });
    this.#plausible.set(channel, state);
    if (verdict) return { quality: 'bad', reason: verdict };
    return known ? judged : { quality: 'suspect', reason: 'other_device' };
  }
}

function sameValues(a: readonly RawSample[], b: readonly RawSample[]): boolean {
  return (
    a.length === b.length &&
    a.every((sample, i) => sample.value === b[i]!.value && sample.quantity === b[i]!.quantity)
  );
}

function describe({ quantity, reason }: Reading, { value, unit }: RawSample): string {
  return `${quantity} ${value} ${unit} is not believed: ${reason}`;
}
