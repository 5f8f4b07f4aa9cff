import { readdir, readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ColdwatchError, messageOf } from '../../../core/errors.js';
import type { Driver, DriverSink, Probe } from '../driver.js';
import { decodeW1 } from './w1-decode.js';

export interface W1Sensor {
  sensor: string;
  rom: string;
  everyMs: number;
}

/** A conversion at 12 bits takes 750 ms, and the kernel tries three times. */
const DEADLINE_MS = 5000;
/** Families of thermometers that w1_therm reads. */
const PROBE = /^(10|22|28|3b|42)-[0-9a-f]{12}$/;

/** DS18B20 and its kin through the kernel's own tree: no bus code of ours, just files. */
export async function openW1(root: string, sensors: readonly W1Sensor[]): Promise<Driver> {
  const named = new Set(sensors.map(({ rom }) => rom));
  const strangers = async () =>
    (await readdir(root).catch(() => [])).filter((rom) => PROBE.test(rom) && !named.has(rom));
  const probes = await Promise.all(sensors.map((sensor) => probeOf(root, sensor, strangers)));
  const start = async (sink: DriverSink) => {
    for (const rom of await strangers()) sink.unknown(`w1 ${rom}`, 'a probe on the bus that no sensor names');
  };
  return { name: '1-wire bus', probes, start, stop: async () => {} };
}

async function probeOf(
  root: string,
  { sensor, rom, everyMs }: W1Sensor,
  strangers: () => Promise<string[]>,
): Promise<Probe> {
  const file = join(root, rom, 'w1_slave');
  return { sensor, bus: `w1:${await masterOf(root, rom)}`, everyMs, deadlineMs: DEADLINE_MS, read };

  async function read() {
    try {
      return decodeW1(await readFile(file, 'latin1'));
    } catch (error) {
      throw unavailable(rom, error, await strangers());
    }
  }
}

function unavailable(rom: string, error: unknown, strangers: readonly string[]): ColdwatchError {
  const absent = (error as NodeJS.ErrnoException).code === 'ENOENT';
  // Who changes a probe sees here which id to write down.
  const instead =
    strangers.length === 0
      ? ''
      : ` (there is ${strangers.slice(0, 3).join(', ')}, which no sensor names: was it put in its place?)`;
  const message = absent
    ? `probe ${rom} is not on the 1-wire bus${instead}: check its cable, and that the overlay w1-gpio is on`
    : `probe ${rom}: ${messageOf(error)}`;
  return new ColdwatchError('device.unavailable', message, { retry: true, cause: error });
}

/** The bus master above a probe: devices/28-… links to devices/w1_bus_master1/28-…. */
async function masterOf(root: string, rom: string): Promise<string> {
  try {
    return basename(dirname(await realpath(join(root, rom))));
  } catch {
    return 'w1_bus_master1';
  }
}
