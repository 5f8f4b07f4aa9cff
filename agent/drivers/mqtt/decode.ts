import { messageOf } from '../../../core/errors.js';
import { at, parseJson, text } from '../../../core/payload.js';
import type { Decoded } from '../driver.js';
import { decodeFrames } from '../frame/decode.js';
import { datedBy, decodeObject, timeOf } from './json.js';
import { readUplink } from './lorawan.js';
import type { MqttModel } from './schema.js';
import { AliasBook, decodeSparkplug } from './sparkplug.js';
import { deviceOfTopic } from './topic.js';

/** Sensors send hundreds of bytes. What is larger is not from one, and is not parsed. */
export const PAYLOAD_MAX = 64 * 1024;
/** A bare frame comes without its port: Dragino's and most others' measurements are on this one. */
const DEFAULT_PORT = 2;

const none = (problem: string): Decoded => ({ samples: [], problems: [problem] });

/** One MQTT payload through a device model. Never throws, whatever the bytes are. */
export function decodeMqtt(
  model: MqttModel,
  payload: Uint8Array,
  topic?: string,
  aliases: AliasBook = new AliasBook(),
): Decoded & { unnamed?: boolean } {
  if (payload.length > PAYLOAD_MAX)
    return none(`payload of ${payload.length} bytes, expected at most ${PAYLOAD_MAX}`);
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  if (model.payload === 'sparkplug') return decodeSparkplug(model, bytes, topic, aliases);
  const decoded = decodePayload(model, bytes);
  const device =
    topic === undefined || model.topic === undefined ? undefined : deviceOfTopic(model.topic, topic);
  return device === undefined ? decoded : named(decoded, device);
}

function decodePayload(model: MqttModel, bytes: Buffer): Decoded {
  // A frame by itself: from a bus tester, a datasheet, or a bridge that passes bytes on.
  if (model.frame && !/^\s*\{/.test(bytes.toString('latin1', 0, 16))) return decodeFrames(model.frame, bytes);
  let json: unknown;
  try {
    json = parseJson(bytes.toString('utf8'));
  } catch (error) {
    return none(`not JSON: ${messageOf(error)}`);
  }
  if (json === null || typeof json !== 'object') return none('expected a JSON object');
  const decoded = model.payload === 'lorawan' ? decodeLorawan(model, json) : decodeJson(model, json);
  const device = model.device === undefined ? undefined : at(json, model.device);
  return typeof device === 'string' ? named(decoded, device) : decoded;
}

function decodeJson(model: MqttModel, json: object): Decoded {
  if (!model.data || !model.frame) return decodeObject(model, json);
  const data = at(json, model.data.path);
  if (typeof data !== 'string') return none(`${model.data.path}: got ${text(data)}, expected a text`);
  const heardMs = timeOf(model, json);
  const decoded = dated(decodeFrames(model.frame, Buffer.from(data, model.data.encoding)), heardMs);
  return typeof heardMs === 'string' ? { ...decoded, problems: [...decoded.problems, heardMs] } : decoded;
}

/** The frame is the evidence; what somebody's decoder made of it is taken where there is no frame, or no layout for it. */
function decodeLorawan(model: MqttModel, json: object): Decoded {
  const uplink = readUplink(json);
  if (typeof uplink === 'string') return none(uplink);
  const { device, port, frame, decoded, atMs, simulated } = uplink;
  const result = decodeUplink(model, port ?? DEFAULT_PORT, frame, decoded);
  const whole = dated(result, atMs);
  if (simulated) for (const sample of whole.samples) sample.fault = 'simulated';
  return device === undefined ? whole : named(whole, device);
}

function decodeUplink(
  model: MqttModel,
  port: number,
  frame: Buffer | undefined,
  decoded: object | undefined,
): Decoded {
  const laidOut = model.frame && frame && frame.length > 0;
  if (laidOut && (model.frame!.ports ?? [port]).includes(port)) return decodeFrames(model.frame!, frame);
  if (decoded && model.values.length > 0)
    return decodeObject({ values: model.values, time: undefined, each: model.each }, decoded);
  return none(laidOut ? `port ${port} carries no measurements of this model` : 'an uplink without a payload');
}

/** Samples that say no time of their own were measured when the server heard of them. */
function dated({ samples, problems }: Decoded, when: number | string | undefined): Decoded {
  return { samples: samples.map((sample) => ({ ...datedBy(when), ...sample })), problems };
}

/** Samples that name no device of their own get this one. */
function named({ samples, problems }: Decoded, device: string): Decoded {
  return { samples: samples.map((sample) => ({ device, ...sample })), problems };
}
