import { SerialPort } from 'serialport';
import { type Clock, sleep } from '../../../core/clock/clock.js';
import { ColdwatchError } from '../../../core/errors.js';
import type { Decoded } from '../driver.js';
import { decodeLine, LineSplitter } from './line-decode.js';
import { ModbusPort } from './modbus.js';
import { blocksOf } from './modbus-decode.js';
import type { LineModel, ModbusModel } from './schema.js';

/** What a model makes of what is on a port; `unit` for Modbus. */
export interface Match {
  model: string;
  unit?: number;
  decoded: Decoded;
}

interface Named<P> {
  model: string;
  protocol: P;
}

const SCAN_TIMEOUT_MS = 200;
const LISTEN_MS = 3500;

/** Asks every unit address of a range, in each model's own way. Only for a port that carries sensors: it writes to it. */
export async function scanModbus(
  path: string,
  models: readonly Named<ModbusModel>[],
  units: readonly number[],
  clock: Clock,
): Promise<Match[]> {
  const matches: Match[] = [];
  for (const group of groupBy(models, ({ protocol: p }) => `${p.baud} ${p.parity} ${p.stop_bits}`)) {
    const port = new ModbusPort(path, group[0]!.protocol, clock);
    try {
      for (const unit of units) matches.push(...(await askUnit(port, unit, group)));
    } finally {
      await port.close();
    }
  }
  return matches;
}

/** One that does not answer the first model's question answers no other's: only a refusal is an answer. */
async function askUnit(
  port: ModbusPort,
  unit: number,
  models: readonly Named<ModbusModel>[],
): Promise<Match[]> {
  const matches: Match[] = [];
  for (const { model, protocol } of models) {
    try {
      const decoded = await port.read(unit, blocksOf(protocol), SCAN_TIMEOUT_MS);
      matches.push({ model, unit, decoded });
    } catch (error) {
      if (error instanceof ColdwatchError && error.code === 'device.silent') return matches;
      if (error instanceof ColdwatchError && error.code === 'device.unavailable') throw error;
    }
  }
  return matches;
}

/** Listens for a few seconds, asking where a model's probe must be asked. */
export async function scanLines(
  path: string,
  models: readonly Named<LineModel>[],
  clock: Clock,
): Promise<Match[]> {
  const matches: Match[] = [];
  for (const group of groupBy(
    models,
    ({ protocol: p }) => `${p.baud} ${p.parity} ${p.stop_bits} ${p.request}`,
  )) {
    const { baud: baudRate, parity, stop_bits: stopBits, request, terminator } = group[0]!.protocol;
    const port = new SerialPort({ path, baudRate, parity, stopBits, autoOpen: false });
    await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())));
    const splitter = new LineSplitter(terminator);
    const lines: string[] = [];
    port.on('error', () => {});
    port.on('data', (bytes: Buffer) => lines.push(...splitter.push(bytes.toString('latin1'))));
    if (request !== undefined) port.write(request);
    await sleep(clock, LISTEN_MS);
    await new Promise<void>((resolve) => (port.isOpen ? port.close(() => resolve()) : resolve()));
    for (const { model, protocol } of group) {
      const decoded = lines.map((line) => decodeLine(protocol, line)).find((d) => d.samples.length > 0);
      if (decoded) matches.push({ model, decoded });
    }
  }
  return matches;
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return [...groups.values()];
}
