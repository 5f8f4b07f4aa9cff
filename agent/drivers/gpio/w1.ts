import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ColdwatchError, messageOf } from '../../../core/errors.js';
import type { Driver, Probe } from '../driver.js';
import { decodeW1 } from './w1-decode.js';

export interface W1Sensor {
  sensor: string;
  rom: string;
  everyMs: number;
}

/** A conversion at 12 bits takes 750 ms, and the kernel tries three times. */
const DEADLINE_MS = 5000;

/** DS18B20 and its kin through the kernel's own tree: no bus code of ours, just files. */
export async function openW1(root: string, sensors: readonly W1Sensor[]): Promise<Driver> {
  const probes = await Promise.all(sensors.map((sensor) => probeOf(root, sensor)));
  return { probes, start: async () => {}, stop: async () => {} };
}

async function probeOf(root: string, { sensor, rom, everyMs }: W1Sensor): Promise<Probe> {
  const file = join(root, rom, 'w1_slave');
  return { sensor, bus: `w1:${await masterOf(root, rom)}`, everyMs, deadlineMs: DEADLINE_MS, read };

  async function read() {
    try {
      return decodeW1(await readFile(file, 'latin1'));
    } catch (error) {
      throw unavailable(rom, error);
    }
  }
}

function unavailable(rom: string, error: unknown): ColdwatchError {
  const absent = (error as NodeJS.ErrnoException).code === 'ENOENT';
  const message = absent
    ? `probe ${rom} is not on the 1-wire bus: check its cable, and that the overlay w1-gpio is on`
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
