import { SerialPort } from 'serialport';
import { type Clock, every, type Timer } from '../../../core/clock/clock.js';
import { messageOf } from '../../../core/errors.js';
import type { Driver, DriverSink } from '../driver.js';
import { decodeLine, LINE_MAX, LineSplitter } from './line-decode.js';
import type { LineModel } from './schema.js';

export interface LineSensor {
  sensor: string;
  port: string;
  everyMs: number;
  model: LineModel;
}

const REOPEN_MS = 5000;

/** Probes that talk in lines of text, by themselves or when asked. */
export function openLine(sensors: readonly LineSensor[], clock: Clock): Driver {
  const talkers = sensors.map((sensor) => new LineTalker(sensor, clock));
  return {
    name: 'serial probes',
    probes: [],
    start: async (sink) => {
      for (const talker of talkers) talker.start(sink);
    },
    stop: async () => {
      await Promise.all(talkers.map((talker) => talker.stop()));
    },
  };
}

class LineTalker {
  readonly #sensor: LineSensor;
  readonly #clock: Clock;
  #port: SerialPort | undefined;
  #timers: Timer[] = [];
  #stopped = false;
  /** A probe may talk each second; one line a cadence is enough, and a second talker must not flood the ring. */
  #nextAt = 0;
  #nextNoiseAt = 0;

  constructor(sensor: LineSensor, clock: Clock) {
    this.#sensor = sensor;
    this.#clock = clock;
  }

  start(sink: DriverSink): void {
    const { request } = this.#sensor.model;
    if (request !== undefined) {
      this.#timers.push(every(this.#clock, this.#sensor.everyMs, () => this.#port?.write(request)));
    }
    this.#open(sink);
  }

  #open(sink: DriverSink): void {
    const { sensor, port: path, model } = this.#sensor;
    const splitter = new LineSplitter(model.terminator);
    const { baud: baudRate, parity, stop_bits: stopBits } = model;
    const port = new SerialPort({ path, baudRate, parity, stopBits, autoOpen: false });
    const failed = (error: Error | null) => {
      if (this.#stopped || this.#port !== port) return;
      this.#port = undefined;
      const why = error ? messageOf(error) : 'unplugged';
      sink.payload(sensor, { samples: [], problems: [`serial port ${path}: ${why}`] });
      this.#clock.after(REOPEN_MS, () => this.#stopped || this.#open(sink), true);
    };
    this.#port = port;
    port.on('data', (bytes: Buffer) => {
      for (const line of splitter.push(bytes.toString('latin1'))) this.#deliver(sink, line);
      if (splitter.dropped()) this.#noise(sink);
    });
    port.on('error', failed);
    port.on('close', failed);
    port.open((error) => {
      if (error) failed(error);
      else if (model.request !== undefined) port.write(model.request);
    });
  }

  #deliver(sink: DriverSink, line: string): void {
    const now = this.#clock.mono();
    const decoded = decodeLine(this.#sensor.model, line);
    if (decoded.samples.length > 0) {
      if (now < this.#nextAt) return;
      this.#nextAt = now + this.#sensor.everyMs * 0.9;
    }
    sink.payload(this.#sensor.sensor, decoded);
  }

  /** Said once a cadence: at a wrong baud rate noise never ends. */
  #noise(sink: DriverSink): void {
    const now = this.#clock.mono();
    if (now < this.#nextNoiseAt) return;
    this.#nextNoiseAt = now + this.#sensor.everyMs;
    const problem = `noise: more than ${LINE_MAX} bytes without the end of a line: check its baud rate`;
    sink.payload(this.#sensor.sensor, { samples: [], problems: [problem] });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) timer.cancel();
    const port = this.#port;
    if (port?.isOpen) await new Promise<void>((resolve) => port.close(() => resolve()));
  }
}
