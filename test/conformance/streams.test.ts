import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel, type Producer } from 'kafkajs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { z } from 'zod';
import {
  clinicAggregateSchema,
  type Finding,
  findingSchema,
  regionAggregateSchema,
  STREAM_TOPICS,
  type StreamTopic,
  sensorAggregateSchema,
} from '../../core/contract/streams.js';
import { type KafkaConfig, kafkaConfigSchema } from '../../relay/config/relay.js';
import { sourcesConfigSchema } from '../../relay/config/sources.js';
import { connectTo } from '../../relay/log/kafka/admin.js';
import { lagOf } from '../../relay/log/kafka/lag.js';
import { Names } from '../../relay/log/kafka/names.js';
import { ensureTopics } from '../../relay/log/kafka/topics.js';
import { STREAM_INPUTS, type StreamRecord, Streams } from '../../relay/streams/embedded/streams.js';
import { flinkEnv } from '../../relay/streams/flink-env.js';
import { clocks, hour, type Input, PLAN, SETTINGS } from '../world/data/hours.js';
import { kcatLines } from '../world/run/kcat.js';
import { until } from '../world/run/programs.js';
import { type Service, startKafka, tempFolder } from '../world/run/services.js';

/*
 * The same hour of mixed, late, repeated data, of wrong clocks and slow links, of fridges, freezers and a cabinet, through
 * the Flink job and through the relay's own streams: the last record of each key must be the same, row by row, and neither
 * says anything twice. Flink is killed in the middle and goes on from its checkpoint.
 */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MINUTE = 60_000;
const START = PLAN.startMs;

/** Kafka's number for it. */
const TOPIC_RESOURCE = 2;
/** As an installation that shares its Kafka has it. */
const PREFIX = 'west.';
const INPUTS = STREAM_INPUTS.map((topic) => `${PREFIX}${topic}`).sort();
/**
 * Who was silent, and in which minute last heard: one in the middle, all at the end. What is measured long before it comes
 * counts as of 40 s before.
 */
const SILENT = [
  ['gw-1', 33],
  ['gw-1', 59],
  ['gw-2', 59],
  ['gw-3', 59],
  ['gw-4', 59],
  ['gw-ahead', 49],
  ['gw-behind', 48],
  ['gw-slow', 49],
];

const FLINK_ENV = flinkEnv({
  sources: sourcesConfigSchema.parse({ reorder: SETTINGS.reorder }),
  regions: SETTINGS.regions,
  kafka: kafkaConfigSchema.parse({ brokers: ['unused:9092'], topic_prefix: PREFIX }),
});

const SCHEMAS: Record<StreamTopic, z.ZodType> = {
  [STREAM_TOPICS.sensor5m]: sensorAggregateSchema,
  [STREAM_TOPICS.clinic5m]: clinicAggregateSchema,
  [STREAM_TOPICS.region5m]: regionAggregateSchema,
  [STREAM_TOPICS.sensorSliding]: sensorAggregateSchema,
  [STREAM_TOPICS.clinicSliding]: clinicAggregateSchema,
  [STREAM_TOPICS.findings]: findingSchema,
};

/** What was written under each key, in order; an empty text takes back. */
type Written = Map<string, string[]>;

function write(written: Written, topic: string, key: string, value: string): void {
  const name = `${topic} ${key}`;
  const values = written.get(name) ?? [];
  values.push(value === '' ? '' : JSON.stringify(sorted(JSON.parse(value))));
  written.set(name, values);
}

function embedded(inputs: readonly Input[]): Written {
  const written: Written = new Map();
  const streams = new Streams(SETTINGS, ({ topic, key, value }: StreamRecord) => {
    if (!key.includes('"clock"')) write(written, topic, key, value);
  });
  for (const one of inputs) streams.take({ ...one, partition: 0 });
  return written;
}

/** The last record of each key that was not taken back. */
const standing = (written: Written) =>
  new Map([...written].flatMap(([name, values]) => (values.at(-1) === '' ? [] : [[name, values.at(-1)!]])));

/** Where the same was said twice on end, or taken back and said again. */
function repeats(written: Written): string[] {
  return [...written].flatMap(([name, values]) =>
    values.flatMap((value, i) => {
      const twice = i > 0 && values[i - 1] === value;
      const andAgain = i > 1 && values[i - 1] === '' && values[i - 2] === value;
      return twice || andAgain ? [`${twice ? 'twice' : 'again'} ${name} ${value}`] : [];
    }),
  );
}

let kafka: Service;
let config: KafkaConfig;
let producer: Producer;
const folder = tempFolder('flink');
let flink: ChildProcess | undefined;

beforeAll(async () => {
  kafka = await startKafka();
  config = kafkaConfigSchema.parse({ brokers: [kafka.address], topic_prefix: PREFIX, partitions: 3 });
  const admin = connectTo(config, undefined).admin();
  await admin.connect();
  await ensureTopics(admin, config);
  // A clock of our own for the time of arrival: an hour passes in seconds.
  const resources = INPUTS.map((name) => ({
    type: TOPIC_RESOURCE,
    name,
    configEntries: [{ name: 'message.timestamp.type', value: 'CreateTime' }],
  }));
  await admin.alterConfigs({ validateOnly: false, resources });
  await admin.disconnect();
  producer = new Kafka({ brokers: [kafka.address], logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
});
afterAll(async () => {
  flink?.kill('SIGKILL');
  await producer?.disconnect();
  await kafka?.stop();
  folder.remove();
});

function startFlink(): ChildProcess {
  const env = { ...process.env, ...FLINK_ENV, CHECKPOINT_EVERY: '2 s' };
  const child = spawn(`${ROOT}scripts/services`, ['flink', 'run', kafka.address, folder.path], {
    env,
    stdio: 'ignore',
  });
  flink = child;
  return child;
}

async function send(inputs: readonly Input[]): Promise<void> {
  for (const { topic, key, value, arrivedMs } of inputs) {
    await producer.send({
      topic: `${PREFIX}${topic}`,
      messages: [{ key, value, timestamp: String(arrivedMs) }],
    });
  }
}

/** What Flink wrote, as an independent client sees it, committed only. */
function output(): Written {
  const written: Written = new Map();
  for (const topic of Object.values(STREAM_TOPICS)) {
    for (const line of kcatLines(kafka.address, `${PREFIX}${topic}`, '-K', '\t')) {
      const [key, value] = line.split('\t') as [string, string];
      if (!key.includes('"clock"')) write(written, topic, key, value);
    }
  }
  return written;
}

/** Looking takes its time, too. */
async function outputSoon(): Promise<Written> {
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return output();
}

/** What was written after that. */
const since = (all: Written, before: Written): Written =>
  new Map([...all].map(([name, values]) => [name, values.slice(before.get(name)?.length ?? 0)]));

const checkpoints = () =>
  readdirSync(`${folder.path}/checkpoints`, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('_metadata'),
  );

it('Flink, killed in the middle, and the relay’s own streams write the same, and nothing twice', async () => {
  const inputs = hour();
  const half = Math.floor(inputs.length / 2);
  const own = embedded([...inputs, ...clocks()]);
  const expected = standing(own);
  expect(repeats(own)).toEqual([]);
  startFlink();
  await send(inputs.slice(0, half));
  await until('rows of the first half', 420_000, async () => (await outputSoon()).size > 50);
  const before = new Set(checkpoints());
  await until('a checkpoint after them', 120_000, () => checkpoints().some((name) => !before.has(name)));
  flink!.kill('SIGKILL');
  await new Promise((resolve) => flink!.once('exit', resolve));
  const first = output();
  await send(inputs.slice(half));
  startFlink();
  await send(clocks());
  await until(`${expected.size} rows`, 420_000, async () => {
    const rows = standing(await outputSoon());
    return rows.size === expected.size && [...expected].every(([key, row]) => rows.get(key) === row);
  }).catch(() => {});
  const all = output();
  const rows = standing(all);
  const values = [...rows.values()].map((row) => JSON.parse(row) as { kind?: string });
  expect([...new Set(values.map(({ kind }) => kind))].sort()).toEqual([
    'gateway_back',
    'gateway_silent',
    'region_out',
    'rising',
    'sale_spike',
    'several_out',
    'spike_then_drop',
    'stock_corrected',
    'stock_low',
    'stock_negative',
    'stock_restored',
    'zscore',
    undefined,
  ]);
  expect(Object.fromEntries([...rows].sort())).toEqual(Object.fromEntries([...expected].sort()));
  // What followed the last checkpoint before the end may be said once more after it. Where limits changed, Flink writes
  // the five minutes of that sensor again, and what stands of a region when one of its clinics changes: as it was. It
  // takes nothing back only to say it again, and says nothing else twice.
  const ofRegion = (said: string) => said.startsWith('twice agg.region.5m') || said.includes('"region_out"');
  const judgedAgain = (said: string) => said.includes(' agg.') && said.includes('"clinic-4"');
  const unchanged = (said: string) => said.startsWith('again') || !(ofRegion(said) || judgedAgain(said));
  expect(repeats(first).filter(unchanged)).toEqual([]);
  expect(repeats(since(all, first)).filter(unchanged)).toEqual([]);
  for (const [name, row] of rows) {
    const topic = name.slice(0, name.indexOf(' ')) as StreamTopic;
    expect(SCHEMAS[topic].safeParse(JSON.parse(row)).error).toBeUndefined();
  }
  const silent = values.filter((row) => row.kind === 'gateway_silent') as unknown as Finding[];
  expect(silent.map(({ subject, at }) => [subject, (at - START) / MINUTE]).sort()).toEqual(SILENT);
  const admin = connectTo(config, undefined).admin();
  await admin.connect();
  const lag = () => lagOf(admin, new Names(config));
  // Offsets are committed after a checkpoint, not with it.
  await until('nothing left to read', 20_000, async () => {
    const all = await lag();
    return all.length === INPUTS.length && all.every(({ records }) => records === 0);
  });
  expect((await lag()).map(({ topic }) => topic).sort()).toEqual(INPUTS);
  await admin.disconnect();
  expect(readFileSync(`${folder.path}/job.sql`, 'utf8')).toContain('execution.state-recovery.path');
}, 1_200_000);

const sorted = (row: object) => Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));
