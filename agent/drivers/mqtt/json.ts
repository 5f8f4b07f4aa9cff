import { own } from '../../../core/own.js';
import { at, numeric, readTime, text } from '../../../core/payload.js';
import { DEVICE_UNIT_NAMES, type DeviceUnit } from '../../../core/units.js';
import type { Decoded, RawSample } from '../driver.js';
import type { MqttModel } from './schema.js';

const MEMBERS_MAX = 64;

/** What the mapping of a JSON object needs. */
export type JsonModel = Pick<MqttModel, 'values' | 'time' | 'each'>;

/** One set of values to be looked for: an object, and what is known of the probe that it is about. */
interface Member {
  json: unknown;
  device?: string;
  channel?: string;
}

/** A JSON object → samples by the model's paths. Partial messages are normal: what is absent is left out. */
export function decodeObject(model: JsonModel, json: object): Decoded {
  const when = timeOf(model, json);
  const samples: RawSample[] = [];
  const problems: string[] = [];
  if (typeof when === 'string') problems.push(when);
  for (const member of membersOf(model, json)) {
    for (const value of model.values) {
      const found = sampleOf(value, member, json);
      if (typeof found === 'string') problems.push(found);
      else if (found) samples.push({ ...found, ...datedBy(when) });
    }
  }
  if (samples.length === 0 && problems.length === 0) {
    problems.push(`none of ${model.values.map((v) => v.path).join(', ')} is in the payload`);
  }
  return { samples, problems };
}

type Value = MqttModel['values'][number];

/** Undefined where the value is absent or means nothing now; a text where it is there and no value. */
function sampleOf(value: Value, member: Member, json: object): RawSample | string | undefined {
  const found = at(member.json, value.path);
  if (found === undefined || found === null) return undefined;
  if (value.unless !== undefined && at(member.json, value.unless) === true) return undefined;
  const number = numeric(found);
  if (number === undefined) return `${value.path}: got ${text(found)}, expected a number`;
  const unit = unitOf(value, json);
  if (unit === undefined)
    return `${value.unit_path}: got ${text(at(json, value.unit_path!))}, expected C, F or K`;
  const channel = value.channel ?? member.channel;
  const sample: RawSample = { quantity: value.quantity, unit, value: number };
  if (channel !== undefined) sample.channel = channel;
  if (member.device !== undefined) sample.device = member.device;
  return sample;
}

/** What a sample says of its time. */
export function datedBy(when: number | string | undefined): Pick<RawSample, 'deviceMs' | 'undated'> {
  if (typeof when === 'string') return { undated: true };
  return when === undefined ? {} : { deviceMs: when };
}

/** Undefined where there is none, a problem where there should be one. */
export function timeOf({ time }: Pick<JsonModel, 'time'>, json: object): number | string | undefined {
  if (!time) return undefined;
  const found = at(json, time.path);
  if (time.optional && (found === undefined || found === null)) return undefined;
  return readTime(found, time.format) ?? `${time.path}: got ${text(found)}, expected a time (${time.format})`;
}

function membersOf({ each }: JsonModel, json: object): Member[] {
  if (!each) return [{ json }];
  const object = each.in === undefined ? json : at(json, each.in);
  const members: Member[] = [];
  if (object !== null && typeof object === 'object') {
    for (const [key, member] of Object.entries(object).slice(0, MEMBERS_MAX)) {
      if (each.keys.test(key)) members.push({ json: member, channel: key, ...idOf(each.id, member) });
    }
  }
  if (members.length === 0 && each.or_itself) return [{ json, ...idOf(each.id, json) }];
  return members;
}

function idOf(path: string | undefined, member: unknown): { device?: string } {
  const id = path === undefined ? undefined : at(member, path);
  return typeof id === 'string' || typeof id === 'number' ? { device: String(id) } : {};
}

const SPELLINGS: Record<string, DeviceUnit> = { C: 'Cel', '°C': 'Cel', '°F': 'F' };

function unitOf(value: Value, json: object): DeviceUnit | undefined {
  const named = value.unit_path === undefined ? undefined : at(json, value.unit_path);
  if (named === undefined) return value.unit;
  const spelled = own(SPELLINGS, String(named)) ?? String(named);
  return DEVICE_UNIT_NAMES.find((unit) => unit === spelled);
}
