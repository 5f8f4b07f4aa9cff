import type { Reason } from '../../core/quality.js';
import type { DeviceUnit, Quantity } from '../../core/units.js';

/** One value as a device gave it: its unit is the device's, nothing is judged yet but what the device itself says. */
export interface RawSample {
  quantity: Quantity;
  value: number;
  unit: DeviceUnit;
  /** The probe's own id, where the payload says it. */
  device?: string;
  /** Which of several places that the device measures. */
  channel?: string;
  /** When the device says that it measured; absent when it does not say. */
  deviceMs?: number;
  /** The device should have said when it measured, and what it said is no time. */
  undated?: true;
  /** The value is there but must not be believed, by the device's own protocol (85 °C at power-on). */
  fault?: Reason;
}

/** What one payload, frame or file held. Never both empty: a payload without samples says why. */
export interface Decoded {
  samples: RawSample[];
  problems: string[];
  /** What a broker had kept: of an unknown age, and perhaps heard before. */
  retained?: boolean;
}

/**
 * Set by a driver whose source repeats what is not confirmed (MQTT QoS 1): called once everything made of this
 * payload is durable, and not before.
 */
export type Receipt = () => void;

/** Where drivers deliver. `sensor` is the id from the site file. */
export interface DriverSink {
  payload(sensor: string, decoded: Decoded, receipt?: Receipt): void;
  /** Something arrived that belongs to no configured sensor: counted, and kept for the technician to see. */
  unknown(source: string, detail: string): void;
}

/** A probe that answers when asked. Probes of one bus are asked one after another, buses side by side. */
export interface Probe {
  sensor: string;
  bus: string;
  everyMs: number;
  /** After this long the probe counts as silent, whatever its driver is still waiting for. */
  deadlineMs: number;
  /** Rejects with a ColdwatchError (device.*) when the probe gives nothing. */
  read(): Promise<Decoded>;
}

/** A driver: probes to be polled, or a source that delivers by itself, or both. */
export interface Driver {
  /** As people call what it speaks to. */
  readonly name: string;
  readonly probes: readonly Probe[];
  /** May reject, and be called again after a stop. */
  start(sink: DriverSink): Promise<void>;
  stop(): Promise<void>;
}

export interface OutputLine {
  write(on: boolean): void;
  close(): void;
}

export interface InputLine {
  read(): boolean;
  close(): void;
}

export interface LineOptions {
  /** BCM number, as printed on pinout cards; never the kernel's sysfs number. */
  line: number;
  active: 'high' | 'low';
}

/** GPIO lines by BCM number. `on` and `true` mean active, whichever level that is. */
export interface Lines {
  output(options: LineOptions): OutputLine;
  input(options: LineOptions, onChange: (active: boolean) => void): InputLine;
  close(): void;
}
