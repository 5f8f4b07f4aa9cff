import { messageOf } from '../../../core/errors.js';
import { readTime } from '../../../core/payload.js';
import type { Decoded, RawSample } from '../driver.js';
import { type Field, readFields, writeField } from './protobuf.js';
import type { MqttModel } from './schema.js';

/*
 * Sparkplug B (Eclipse Sparkplug 3.0, sparkplug_b.proto).
 *   topic    spBv1.0/GROUP/TYPE/NODE[/DEVICE], TYPE one of NBIRTH NDATA NDEATH DBIRTH DDATA DDEATH NCMD …
 *   Payload  1 timestamp, 2 metrics*, 3 seq
 *   Metric   1 name, 2 alias, 3 timestamp, 4 datatype, 7 is_null,
 *            10 int, 11 long, 12 float, 13 double, 14 boolean, 15 string
 * A BIRTH names every metric and may give it an alias; DATA then may say the alias only.
 */
export interface Metric {
  name: string | undefined;
  alias: number | undefined;
  timestampMs: number | undefined;
  value: number | undefined;
}

export interface SparkplugTopic {
  group: string;
  type: string;
  node: string;
  device: string | undefined;
}

const METRICS_MAX = 1000;
/** Nodes whose aliases are remembered; a clinic has a few. */
const NODES_MAX = 200;
const TOPIC = /^spBv1\.0\/([^/]+)\/([ND](?:BIRTH|DATA|DEATH))\/([^/]+)(?:\/([^/]+))?$/;

export function sparkplugTopic(topic: string): SparkplugTopic | undefined {
  const [, group, type, node, device] = TOPIC.exec(topic) ?? [];
  return group && type && node ? { group, type, node, device } : undefined;
}

/** The topics on which a device's values, names and end are told, from the one that a site file names. */
export function sparkplugTopics(topic: string): string[] {
  const of = sparkplugTopic(topic);
  if (!of) return [topic];
  const { group, node, device } = of;
  const at = (type: string, ...more: string[]) => ['spBv1.0', group, type, node, ...more].join('/');
  if (device === undefined) return ['NBIRTH', 'NDATA', 'NDEATH'].map((type) => at(type));
  return [...['DBIRTH', 'DDATA', 'DDEATH'].map((type) => at(type, device)), at('NDEATH')];
}

/** What each node's and device's BIRTH has said its aliases mean. */
export class AliasBook {
  readonly #names = new Map<string, Map<number, string>>();

  learn(topic: SparkplugTopic, metrics: readonly Metric[]): void {
    const key = keyOf(topic);
    if (!this.#names.has(key) && this.#names.size >= NODES_MAX) return;
    const named = metrics.flatMap(({ name, alias }) =>
      name !== undefined && alias !== undefined ? [[alias, name] as const] : [],
    );
    this.#names.set(key, new Map(named));
  }

  nameOf(topic: SparkplugTopic, alias: number): string | undefined {
    return this.#names.get(keyOf(topic))?.get(alias);
  }
}

const keyOf = ({ group, node, device }: SparkplugTopic) => `${group}/${node}/${device ?? ''}`;

const none = (problem: string): Decoded => ({ samples: [], problems: [problem] });

/** A payload → samples by metric name (a model's `path`). `unnamed`: an alias that no BIRTH has explained came up. */
export function decodeSparkplug(
  { values }: Pick<MqttModel, 'values'>,
  payload: Buffer,
  topic: string | undefined,
  aliases: AliasBook,
): Decoded & { unnamed?: boolean } {
  const of = topic === undefined ? undefined : sparkplugTopic(topic);
  if (of?.type.endsWith('DEATH')) return none(`the edge node reports that ${of.device ?? of.node} is gone`);
  const metrics = readPayload(payload);
  if (typeof metrics === 'string') return none(metrics);
  if (of?.type.endsWith('BIRTH')) aliases.learn(of, metrics);
  const samples: RawSample[] = [];
  let unnamed = false;
  for (const metric of metrics) {
    const { name, alias } = metric;
    const known = name ?? (of && alias !== undefined ? aliases.nameOf(of, alias) : undefined);
    if (known === undefined) unnamed = true;
    const wanted = values.find(({ path }) => path === known);
    if (wanted && metric.value !== undefined) samples.push(sampleOf(wanted, metric, metric.value, of));
  }
  if (samples.length > 0) return { samples, problems: [] };
  const why = unnamed
    ? 'metrics have only an alias, and no BIRTH has said yet what it means'
    : `none of ${values.map(({ path }) => path).join(', ')} is in the payload`;
  return { ...none(why), unnamed };
}

function sampleOf(
  { quantity, unit, channel }: MqttModel['values'][number],
  { timestampMs }: Metric,
  value: number,
  of: SparkplugTopic | undefined,
): RawSample {
  const sample: RawSample = { quantity, unit, value };
  if (channel !== undefined) sample.channel = channel;
  if (timestampMs !== undefined) sample.deviceMs = timestampMs;
  if (of) sample.device = of.device ?? of.node;
  return sample;
}

/** Asks a node to tell its names again. */
export function rebirthRequest(nowMs: number): Buffer {
  const metric = Buffer.concat([
    writeField(1, Buffer.from('Node Control/Rebirth')),
    writeField(3, BigInt(Math.round(nowMs))),
    writeField(4, 11n),
    writeField(14, 1n),
  ]);
  return Buffer.concat([writeField(1, BigInt(Math.round(nowMs))), writeField(2, metric)]);
}

/** The metrics, or what is wrong with the bytes. */
export function readPayload(payload: Buffer): Metric[] | string {
  try {
    const fields = readFields(payload);
    const timestampMs = timeOf(fields.find(({ number }) => number === 1));
    const metrics = fields.filter(({ number, bytes }) => number === 2 && bytes !== undefined);
    if (metrics.length === 0) return 'a Sparkplug payload without metrics';
    if (metrics.length > METRICS_MAX) return `${metrics.length} metrics, expected at most ${METRICS_MAX}`;
    return metrics.map(({ bytes }) => readMetric(readFields(bytes!), timestampMs));
  } catch (error) {
    return `not a Sparkplug payload: ${messageOf(error)}`;
  }
}

function readMetric(fields: readonly Field[], payloadMs: number | undefined): Metric {
  const of = (number: number) => fields.find((field) => field.number === number);
  const alias = of(2)?.bits;
  const isNull = of(7)?.bits === 1n;
  return {
    name: of(1)?.bytes?.toString('utf8'),
    alias: alias === undefined ? undefined : Number(alias),
    timestampMs: timeOf(of(3)) ?? payloadMs,
    value: isNull ? undefined : valueIn(fields),
  };
}

/** Integers are sent as unsigned words of their size, whatever sign they have: a thermometer's is signed. */
function valueIn(fields: readonly Field[]): number | undefined {
  for (const { number, bits } of fields) {
    if (bits === undefined) continue;
    const value = numberOf(number, bits);
    if (value !== undefined && Number.isFinite(value)) return value;
  }
  return undefined;
}

function numberOf(field: number, bits: bigint): number | undefined {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(bits);
  if (field === 10) return bytes.readInt32LE();
  if (field === 11) return Number(bytes.readBigInt64LE());
  if (field === 12) return Math.round(bytes.readFloatLE() * 1e4) / 1e4;
  if (field === 13) return bytes.readDoubleLE();
  return field === 14 ? Number(bits !== 0n) : undefined;
}

function timeOf(field: Field | undefined): number | undefined {
  return field?.bits === undefined ? undefined : readTime(Number(field.bits), 'unix_ms');
}
