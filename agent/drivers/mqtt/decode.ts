import { messageOf } from '../../../core/errors.js';
import type { Decoded, RawSample } from '../driver.js';
import type { MqttModel } from './schema.js';

/** Sensors send hundreds of bytes. What is larger is not from one, and is not parsed. */
export const PAYLOAD_MAX = 64 * 1024;

const none = (problem: string): Decoded => ({ samples: [], problems: [problem] });

/** A JSON payload → samples by the model's paths. Partial messages are normal: what is absent is left out. */
export function decodeJson(model: Pick<MqttModel, 'values' | 'time'>, payload: Uint8Array): Decoded {
  if (payload.length > PAYLOAD_MAX)
    return none(`payload of ${payload.length} bytes, expected at most ${PAYLOAD_MAX}`);
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString('utf8'));
  } catch (error) {
    return none(`not JSON: ${messageOf(error)}`);
  }
  if (json === null || typeof json !== 'object') return none('expected a JSON object');
  return decodeObject(model, json);
}

function decodeObject({ values, time }: Pick<MqttModel, 'values' | 'time'>, json: object): Decoded {
  const samples: RawSample[] = [];
  const problems: string[] = [];
  const deviceMs = time ? parseTime(at(json, time.path), time.format) : undefined;
  if (time && deviceMs === undefined) {
    return none(`${time.path}: got ${text(at(json, time.path))}, expected a time (${time.format})`);
  }
  for (const { quantity, unit, path } of values) {
    const found = at(json, path);
    if (found === undefined || found === null) continue;
    const value = numeric(found);
    if (value === undefined) problems.push(`${path}: got ${text(found)}, expected a number`);
    else samples.push({ quantity, unit, value, ...(deviceMs === undefined ? {} : { deviceMs }) });
  }
  if (samples.length === 0 && problems.length === 0) {
    problems.push(`none of ${values.map((v) => v.path).join(', ')} is in the payload`);
  }
  return { samples, problems };
}

/** `DS18B20.Temperature`, `temps.0`: own properties only, so that no payload reaches into a prototype. */
function at(json: unknown, path: string): unknown {
  let value = json;
  for (const part of path.split('.')) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

/** Numbers, numbers in quotes (some bridges), and switches (a door contact). Never an empty string. */
function numeric(value: unknown): number | undefined {
  if (typeof value === 'boolean') return value ? 1 : 0;
  const number = typeof value === 'string' && /^\s*[-+]?\d/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

const YEAR_2000_MS = 946_684_800_000;
const YEAR_2200_MS = 7_258_118_400_000;

function parseTime(value: unknown, format: 'iso' | 'unix_s' | 'unix_ms'): number | undefined {
  const ms =
    format === 'iso' ? isoMs(value) : (numeric(value) ?? Number.NaN) * (format === 'unix_s' ? 1000 : 1);
  return ms >= YEAR_2000_MS && ms < YEAR_2200_MS ? Math.round(ms) : undefined;
}

/** Only with a zone: a bare local time would be read in the gateway's own zone, and be wrong by hours. */
function isoMs(value: unknown): number {
  if (typeof value !== 'string' || !/T.*(Z|[+-]\d\d:?\d\d)$/.test(value)) return Number.NaN;
  return Date.parse(value);
}

function text(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 60);
}
