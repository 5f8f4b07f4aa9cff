import { readdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { ColdwatchError, messageOf } from '../../../core/errors.js';
import type { Decoded, Driver, Probe } from '../driver.js';
import { decodeKernel } from './decode.js';
import type { KernelModel } from './schema.js';

export interface KernelSensor {
  sensor: string;
  at: string | undefined;
  everyMs: number;
  model: KernelModel;
}

const FOLDERS = { iio: 'bus/iio/devices', hwmon: 'class/hwmon' };
const DEADLINE_MS = 3000;
/** The kernel's DHT driver fails now and then by design: edges are missed under load. */
const ATTEMPTS = 3;

/** Sensors that the kernel reads (DHT22, SHT3x, TMP117, DS18B20 as hwmon): files under /sys. */
export function openKernel(root: string, sensors: readonly KernelSensor[]): Driver {
  const probes = sensors.map(
    ({ sensor, at, everyMs, model }): Probe => ({
      sensor,
      bus: `kernel:${model.name}:${at ?? ''}`,
      everyMs,
      deadlineMs: DEADLINE_MS,
      read: async () => read(await folderOf(root, model, at), model),
    }),
  );
  return { name: 'kernel sensors', probes, start: async () => {}, stop: async () => {} };
}

/** Folder numbers change from boot to boot: the one with the right `name`, and the right place where there are two. */
async function folderOf(root: string, model: KernelModel, at: string | undefined): Promise<string> {
  const parent = join(root, FOLDERS[model.subsystem]);
  const names = await readdir(parent).catch((): string[] => []);
  const folders: string[] = [];
  for (const name of names.sort()) {
    const folder = join(parent, name);
    const said = await readFile(join(folder, 'name'), 'utf8').catch(() => '');
    if (said.trim() === model.name && (at === undefined || (await realpath(folder)).includes(at)))
      folders.push(folder);
  }
  const [folder, second] = folders;
  if (folder === undefined) {
    const where = at === undefined ? '' : ` at ${at}`;
    throw new ColdwatchError(
      'device.unavailable',
      `no ${model.name}${where} in ${parent}: is its overlay on?`,
      { retry: true },
    );
  }
  if (second !== undefined) {
    throw new ColdwatchError(
      'device.unavailable',
      `several ${model.name} in ${parent}: name one with source.at`,
    );
  }
  return folder;
}

async function read(folder: string, model: KernelModel): Promise<Decoded> {
  const files = new Map<string, string>();
  let failure = '';
  for (const { file } of model.values) {
    for (let attempt = 0; attempt < ATTEMPTS && !files.has(file); attempt++) {
      try {
        files.set(file, await readFile(join(folder, file), 'latin1'));
      } catch (error) {
        failure = `${file}: ${messageOf(error)}`;
      }
    }
  }
  if (files.size === 0) throw new ColdwatchError('device.silent', failure, { retry: true });
  const { samples, problems } = decodeKernel(model, files);
  return {
    samples,
    problems: failure === '' || files.size === model.values.length ? problems : [...problems, failure],
  };
}
