import { afterEach, beforeEach, expect, it } from 'vitest';
import { ModbusPort } from '../../agent/drivers/serial/modbus.js';
import { blocksOf } from '../../agent/drivers/serial/modbus-decode.js';
import { modbusModelSchema } from '../../agent/drivers/serial/schema.js';
import { SystemClock } from '../../host/clock.js';
import { ModbusTcp } from '../world/probes/modbus-slave.js';
import { freePort } from '../world/run/programs.js';

const model = modbusModelSchema.parse({
  transport: 'modbus',
  registers: [
    { quantity: 'temperature', unit: 'Cel', function: 4, address: 0, type: 'int32', scale: 0.001 },
    { quantity: 'temperature', unit: 'Cel', function: 3, address: 10, type: 'int32_low_first', scale: 0.001 },
    { quantity: 'pressure', unit: 'Pa', function: 3, address: 12, type: 'uint32' },
    { quantity: 'contact', unit: '1', function: 2, address: 20 },
    { quantity: 'contact', unit: '1', function: 1, address: 29 },
  ],
});
const TIMEOUT_MS = 300;
const words = (value: number) => [(value >>> 16) & 0xffff, value & 0xffff] as const;

let port: number;
let slave: ModbusTcp;
let client: ModbusPort;
const read = () => client.read(7, blocksOf(model), TIMEOUT_MS);

function fill(device: ModbusTcp): void {
  const [high, low] = words(-4_210);
  device.set(7, 0, high);
  device.set(7, 1, low);
  device.set(7, 10, low);
  device.set(7, 11, high);
  const [top, bottom] = words(3_000_000_000);
  device.set(7, 12, top);
  device.set(7, 13, bottom);
  device.set(7, 20, 1);
  device.set(7, 29, 0);
}

beforeEach(async () => {
  port = await freePort();
  slave = new ModbusTcp();
  await slave.listen(port);
  fill(slave);
  client = new ModbusPort(`tcp://127.0.0.1:${port}`, model, new SystemClock());
});
afterEach(async () => {
  await client.close();
  await slave.close();
});

it('registers of 32 bits and single bits are read over TCP, each in its own sense', async () => {
  const { samples, problems } = await read();
  expect(problems).toEqual([]);
  expect(samples.map(({ quantity, value }) => [quantity, value])).toEqual([
    ['contact', 0],
    ['contact', 1],
    ['temperature', -4.21],
    ['pressure', 3_000_000_000],
    ['temperature', -4.21],
  ]);
});

it('a device that is silent, refuses or goes away is named, and read again once it is back', async () => {
  await read();
  slave.faults.set(7, 'silent');
  await expect(read()).rejects.toThrow(/unit 7 on tcp:.*does not answer: check its address and unit number/);
  slave.faults.set(7, 'exception');
  await expect(read()).rejects.toThrow(/exception 2: it has no such register/);
  slave.faults.delete(7);
  await slave.close();
  await expect(read()).rejects.toThrow();
  await expect(read()).rejects.toThrow(/Modbus\/TCP at tcp:/);
  slave = new ModbusTcp();
  await slave.listen(port);
  fill(slave);
  expect((await read()).samples).toHaveLength(5);
});
