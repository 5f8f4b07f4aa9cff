import ModbusSerial from 'modbus-serial';
import { type Clock, sleep, withDeadline } from '../../../core/clock/clock.js';
import { ColdwatchError, messageOf } from '../../../core/errors.js';
import type { Decoded, Driver, Probe } from '../driver.js';
import { type Block, blocksOf, decodeBlock, EXCEPTIONS } from './modbus-decode.js';
import { type ModbusModel, tcpAddress } from './schema.js';

// A CommonJS package: its types speak of a default export, at run time the module itself is the class.
type Client = InstanceType<typeof ModbusSerial.default>;
const ModbusRtu = ModbusSerial as unknown as new () => Client;

export interface ModbusSensor {
  sensor: string;
  port: string;
  unit: number;
  everyMs: number;
  model: ModbusModel;
}

/** At least 3.5 characters of silence between frames; 5 ms covers 9600 baud and above. */
const INTER_FRAME_MS = 5;
const OPEN_DEADLINE_MS = 3000;
/** What a request may take beyond the model's own time-out before its port counts as wedged. */
const WEDGED_MS = 1000;

export function openModbus(sensors: readonly ModbusSensor[], clock: Clock): Driver {
  const ports = new Map<string, ModbusPort>();
  const probes = sensors.map((sensor): Probe => {
    const port = ports.get(sensor.port) ?? new ModbusPort(sensor.port, sensor.model, clock);
    ports.set(sensor.port, port);
    const blocks = blocksOf(sensor.model);
    const deadlineMs = OPEN_DEADLINE_MS + blocks.length * (sensor.model.timeout + WEDGED_MS);
    const read = () => port.read(sensor.unit, blocks, sensor.model.timeout);
    return { sensor: sensor.sensor, bus: `modbus:${sensor.port}`, everyMs: sensor.everyMs, deadlineMs, read };
  });
  const stop = async () => {
    await Promise.all([...ports.values()].map((port) => port.close()));
  };
  return { name: 'Modbus', probes, start: async () => {}, stop };
}

function ask(client: Client, { function: code, address, length }: Block): Promise<{ buffer: Buffer }> {
  switch (code) {
    case 1:
      return client.readCoils(address, length);
    case 2:
      return client.readDiscreteInputs(address, length);
    case 3:
      return client.readHoldingRegisters(address, length);
    case 4:
      return client.readInputRegisters(address, length);
  }
}

/** One serial port, or one TCP connection: opened when first needed, and again after it failed or was unplugged. */
export class ModbusPort {
  readonly #path: string;
  readonly #settings: ModbusModel;
  readonly #clock: Clock;
  #client: Client | undefined;

  constructor(path: string, settings: ModbusModel, clock: Clock) {
    this.#path = path;
    this.#settings = settings;
    this.#clock = clock;
  }

  async read(unit: number, blocks: readonly Block[], timeoutMs: number): Promise<Decoded> {
    const out: Decoded = { samples: [], problems: [] };
    for (const block of blocks) {
      const decoded = decodeBlock(block, await this.#request(unit, block, timeoutMs));
      out.samples.push(...decoded.samples);
      out.problems.push(...decoded.problems);
      await sleep(this.#clock, INTER_FRAME_MS);
    }
    return out;
  }

  async #request(unit: number, block: Block, timeoutMs: number): Promise<Buffer> {
    const client = await this.#open();
    client.setID(unit);
    client.setTimeout(timeoutMs);
    const work = ask(client, block);
    const wedged = () => new ColdwatchError('device.silent', `${this.#path} is wedged`, { retry: true });
    try {
      const { buffer } = await withDeadline(this.#clock, timeoutMs + WEDGED_MS, work, wedged);
      return buffer;
    } catch (error) {
      throw await this.#explain(error, unit);
    }
  }

  async #open(): Promise<Client> {
    if (this.#client?.isOpen) return this.#client;
    await this.close();
    const client = new ModbusRtu();
    // Without a listener, an unplugged adapter would end the process.
    client.on('error', () => {});
    const { baud, parity, stop_bits } = this.#settings;
    const tcp = tcpAddress(this.#path);
    const opening = tcp
      ? client.connectTCP(tcp.host, { port: tcp.port })
      : client.connectRTUBuffered(this.#path, { baudRate: baud, parity, stopBits: stop_bits });
    const late = () =>
      new ColdwatchError('device.unavailable', `${this.#path} does not open`, { retry: true });
    try {
      await withDeadline(this.#clock, OPEN_DEADLINE_MS, opening, late);
    } catch (error) {
      const what = tcp ? 'Modbus/TCP at' : 'serial port';
      throw new ColdwatchError('device.unavailable', `${what} ${this.#path}: ${messageOf(error)}`, {
        retry: true,
        cause: error,
      });
    }
    this.#client = client;
    return client;
  }

  async #explain(error: unknown, unit: number): Promise<ColdwatchError> {
    const where = `Modbus unit ${unit} on ${this.#path}`;
    const { modbusCode, name, errno } = error as { modbusCode?: number; name?: string; errno?: string };
    if (modbusCode !== undefined) {
      const meaning = EXCEPTIONS[modbusCode] ?? 'unknown';
      return new ColdwatchError(
        'device.malformed',
        `${where} refused with exception ${modbusCode}: ${meaning}`,
      );
    }
    if (name === 'TransactionTimedOutError' || errno === 'ETIMEDOUT') {
      // Nobody may be at the other end of a connection any more; a serial port has no such thing.
      if (tcpAddress(this.#path)) await this.close();
      return new ColdwatchError(
        'device.silent',
        tcpAddress(this.#path)
          ? `${where} does not answer: check its address and unit number`
          : `${where} does not answer: check wiring, address and baud rate`,
        {
          retry: true,
        },
      );
    }
    await this.close();
    return new ColdwatchError('device.malformed', `${where}: ${messageOf(error)}`, {
      retry: true,
      cause: error,
    });
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    if (!client?.isOpen) return;
    // A connection whose other end is gone never closes: it is dropped.
    if (tcpAddress(this.#path)) client.destroy(() => {});
    else await new Promise<void>((resolve) => client.close(() => resolve()));
  }
}
