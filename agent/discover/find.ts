import { readdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, withDeadline } from '../../core/clock/clock.js';
import { messageOf } from '../../core/errors.js';
import { QUANTITIES, showMilli, toMilli } from '../../core/units.js';
import { decodeWith } from '../drivers/decode.js';
import type { Decoded } from '../drivers/driver.js';
import { judge } from '../ingest/plausibility.js';
import type { DeviceModel } from '../site/model.js';

/** Something that is there and that a site file could name. `models` fit, the best first; none: only its place is known. */
export interface Found {
  place: '1-wire' | 'kernel' | 'serial' | 'mqtt';
  /** What a sensor's `source` would say. */
  source: Record<string, unknown>;
  models: string[];
  /** What it reads now, in words. */
  reads: string;
}

export interface Chip {
  label: string;
  lines: number;
}

const W1_NAME = /^(10|22|28|3b|42)-[0-9a-f]{12}$/;
const READ_MS = 5000;

/** Thermometers on 1-wire, by their own rom. */
export async function findW1(root: string, models: readonly DeviceModel[], clock: Clock): Promise<Found[]> {
  const fitting = models.filter(({ protocol }) => protocol.transport === 'w1');
  const roms = (await list(root)).filter((name) => W1_NAME.test(name));
  return Promise.all(
    roms.map(async (rom): Promise<Found> => {
      const late = () => new Error(`no answer within ${READ_MS / 1000} s`);
      const text = withDeadline(clock, READ_MS, readFile(join(root, rom, 'w1_slave')), late);
      const reads = await text.then(
        (bytes) => inWords(fitting[0], decodeWith(fitting[0]!, bytes)),
        (error: unknown) => `cannot be read: ${messageOf(error)}`,
      );
      return { place: '1-wire', source: { kind: 'w1', rom }, models: fitting.map((m) => m.model), reads };
    }),
  );
}

/** What the kernel reads by itself: iio and hwmon devices that a model knows by name. */
export async function findKernel(root: string, models: readonly DeviceModel[]): Promise<Found[]> {
  const found: Found[] = [];
  for (const [subsystem, folder] of [
    ['iio', 'bus/iio/devices'],
    ['hwmon', 'class/hwmon'],
  ] as const) {
    for (const entry of await list(join(root, folder))) {
      const path = join(root, folder, entry);
      const name = (await readFile(join(path, 'name'), 'utf8').catch(() => '')).trim();
      const fitting = models.filter(
        ({ protocol: p }) => p.transport === 'kernel' && p.subsystem === subsystem && p.name === name,
      );
      // A probe on 1-wire shows up here a second time.
      if (fitting.length === 0 || name.startsWith('w1_')) continue;
      const at = (await realpath(path)).split('/').find((part) => /^\d+-[0-9a-f]{4}$/.test(part));
      found.push({
        place: 'kernel',
        source: at === undefined ? { kind: 'kernel' } : { kind: 'kernel', at },
        models: fitting.map((m) => m.model),
        reads: await readKernel(path, fitting[0]!),
      });
    }
  }
  return found;
}

async function readKernel(path: string, model: DeviceModel): Promise<string> {
  if (model.protocol.transport !== 'kernel') return '';
  const [first] = model.protocol.values;
  return readFile(join(path, first!.file)).then(
    (bytes) => inWords(model, decodeWith(model, bytes, first!.file)),
    (error: unknown) => `cannot be read: ${messageOf(error)}`,
  );
}

/** Serial ports by the name that stays the same when adapters are plugged in another order, where there is one. */
export async function findPorts(dev: string): Promise<string[]> {
  const byPath = (await list(join(dev, 'serial/by-path'))).map((name) => join(dev, 'serial/by-path', name));
  const named = new Set(await Promise.all(byPath.map((path) => realpath(path).catch(() => path))));
  const plain = (await list(dev))
    .filter((name) => /^tty(USB|ACM|AMA)\d+$|^serial\d$/.test(name))
    .map((name) => join(dev, name));
  const unnamed: string[] = [];
  for (const path of plain) if (!named.has(await realpath(path).catch(() => path))) unnamed.push(path);
  return [...byPath, ...unnamed];
}

export async function findChips(root: string): Promise<Chip[]> {
  const chips = (await list(root)).filter((name) => /^gpiochip\d+$/.test(name));
  return Promise.all(
    chips.map(async (name) => ({
      label: (await readFile(join(root, name, 'label'), 'utf8').catch(() => name)).trim(),
      lines: Number((await readFile(join(root, name, 'ngpio'), 'utf8').catch(() => '0')).trim()),
    })),
  );
}

/** Devices that publish as some model says, and gave something to believe. */
export function findMqtt(
  heard: readonly { topic: string; payload: Buffer }[],
  models: readonly DeviceModel[],
): Found[] {
  return heard.flatMap(({ topic, payload }): Found[] => {
    const fits = models.flatMap((model) => {
      if (model.protocol.transport !== 'mqtt' || model.protocol.topic === undefined) return [];
      const decoded = decodeWith(model, payload, topic);
      const good = goodSamples(model, decoded);
      const placed = decoded.samples.some(({ device }) => device !== undefined);
      return good > 0 && placed && decoded.problems.length === 0 ? [{ model, decoded, good }] : [];
    });
    const [best] = fits.sort((a, b) => b.good - a.good || a.model.model.localeCompare(b.model.model));
    if (!best) return [];
    const names = fits.filter(({ good }) => good === best.good).map(({ model }) => model.model);
    const devices = [...new Set(best.decoded.samples.map(({ device }) => device))];
    return devices.map((device) => {
      const own = { ...best.decoded, samples: best.decoded.samples.filter((s) => s.device === device) };
      // An id of the probe's own is worth writing down even where it is alone: another in its place is then noticed.
      const named = device !== undefined && !topic.split('/').includes(device);
      const source = { kind: 'mqtt', topic, ...(devices.length > 1 || named ? { device } : {}) };
      return { place: 'mqtt', source, models: names, reads: inWords(best.model, own) };
    });
  });
}

/** How many samples can be believed. */
export function goodSamples(model: DeviceModel, { samples }: Decoded): number {
  return samples.filter(
    ({ quantity, value, unit, fault }) =>
      judge(quantity, toMilli(value, unit), fault, model).quality === 'good',
  ).length;
}

export function inWords(model: DeviceModel | undefined, { samples, problems }: Decoded): string {
  const said = samples.map(({ quantity, value, unit, fault, channel }) => {
    const milli = toMilli(value, unit);
    const { reason } = judge(quantity, milli, fault, model);
    const place = channel === undefined ? '' : `${channel} `;
    return `${place}${showMilli(milli, QUANTITIES[quantity])}${reason ? ` (not believed: ${reason})` : ''}`;
  });
  return [...said, ...problems].join(', ');
}

async function list(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}
