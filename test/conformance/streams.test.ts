import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel, type Producer } from 'kafkajs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { z } from 'zod';
import {
  clinicAggregateSchema,
  findingSchema,
  regionAggregateSchema,
  STREAM_TOPICS,
  type StreamTopic,
  sensorAggregateSchema,
} from '../../core/contract/streams.js';
import { generator } from '../../core/random.js';
import { kafkaConfigSchema } from '../../relay/config/relay.js';
import { sourcesConfigSchema } from '../../relay/config/sources.js';
import { connectTo } from '../../relay/log/kafka/admin.js';
import { lagOf, STREAMS_GROUP } from '../../relay/log/kafka/lag.js';
import { ensureTopics } from '../../relay/log/kafka/topics.js';
import { type StreamRecord, Streams } from '../../relay/streams/embedded/streams.js';
import { flinkEnv } from '../../relay/streams/flink-env.js';
import { kcatLines } from '../world/kcat.js';
import { until } from '../world/programs.js';
import { type Service, startKafka, tempFolder } from '../world/services.js';

/*
 * The same hour of mixed, late, repeated data through the Flink job and through the relay's own streams: the last record
 * of each key must be the same, row by row. Flink is killed in the middle and goes on from its checkpoint.
 */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MINUTE = 60_000;
const START = Date.UTC(2026, 10, 21, 6);
const SETTINGS = {
  reorder: { 'MMR-10': 20 },
  regions: { coast: { clinics: ['clinic-2', 'clinic-3', 'clinic-9'] } },
};

const FLINK_ENV = flinkEnv({
  sources: sourcesConfigSchema.parse({ reorder: SETTINGS.reorder }),
  regions: SETTINGS.regions,
  kafka: undefined,
});

interface Input {
  topic: 'iot.temperature' | 'pos.sales' | 'erp.inventory';
  key: string;
  value: string;
}
const input = (topic: Input['topic'], key: string, value: object): Input => ({
  topic,
  key,
  value: JSON.stringify(value),
});

/** What twelve sensors of three clinics gave in an hour, in the order in which it arrived. */
function hour(): Input[] {
  const random = generator(11);
  const arrivals: { at: number; input: Input }[] = [];
  for (let c = 1; c <= 3; c++) {
    for (let s = 1; s <= 4; s++) {
      const [clinic, sensor] = [`clinic-${c}`, `fridge-${s}`];
      for (let m = 0; m < 60; m++) {
        const at = START + m * MINUTE + s * 1000 + Math.floor(random() * 400);
        const warming = s === 1 && m >= 20 && m < 32 ? (m - 20) * 0.4 : 0;
        // Two units of two clinics, for twelve minutes.
        const hot = c >= 2 && s % 2 === 1 && m >= 40 && m < 52;
        // One of these readings comes late and is good: the five minutes were not so bad after all.
        const relieving = hot && c === 3 && s === 3 && m === 47;
        if (c === 1 && m >= 34 && m < 54) continue;
        const spike = s === 2 && m % 25 === 9 ? 4 : 0;
        const value =
          Math.round(
            (4.5 + c / 3 + Math.sin(m / 5) + warming + spike + (hot && !relieving ? 8 : 0) + random() * 0.4) *
              1000,
          ) / 1000;
        const quality = random() < 0.03 ? 'bad' : 'good';
        // A gateway that was offline brings ten minutes back at the end of the hour.
        const backfill = (s === 4 && m >= 30 && m < 40) || relieving;
        const reading = {
          clinic,
          gateway: `gw-${c}`,
          sensor,
          quantity: random() < 0.02 ? 'humidity' : 'temperature',
          value,
          unit: 'Cel',
          measured_at: at,
          time_quality: 'synchronised',
          quality,
          epoch: '00000000000000aa',
          seq: s * 1000 + m,
          backfill,
        };
        const arrives = backfill ? START + 59 * MINUTE : at + Math.floor(random() * 3000);
        const message = input('iot.temperature', `${clinic}/${sensor}`, reading);
        arrivals.push({ at: arrives, input: message });
        if (random() < 0.05) arrivals.push({ at: arrives + 1, input: message });
      }
    }
    for (let m = 0; m < 60; m += 3) {
      const sold = {
        clinic: `clinic-${c}`,
        sku: 'MMR-10',
        quantity: m % 21 === 15 ? 9 : 1 + (m % 3),
        unit_price: 2,
        currency: 'KES',
      };
      const at = START + m * MINUTE;
      const sale = input('pos.sales', `clinic-${c}/MMR-10`, {
        ...sold,
        sold_at: at,
        event_id: `s-${c}-${m}`,
      });
      const stock = {
        clinic: `clinic-${c}`,
        sku: 'MMR-10',
        delta: -2,
        on_hand: m === 57 ? 30 : 40 - m,
        changed_at: at,
        event_id: `i-${c}-${m}`,
      };
      arrivals.push({ at, input: sale }, { at: at + 1, input: sale });
      arrivals.push({ at, input: input('erp.inventory', `clinic-${c}/MMR-10`, stock) });
    }
  }
  return arrivals.sort((a, b) => a.at - b.at).map((a) => a.input);
}

/** Moves event time on in every partition; these rows are in no comparison. */
const clocks = (): Input[] =>
  Array.from({ length: 60 }, (_, i) => [
    input('iot.temperature', `clock/${i}`, {
      clinic: 'clock',
      gateway: 'clock',
      sensor: `c-${i}`,
      quantity: 'temperature',
      value: 5,
      measured_at: START + 180 * MINUTE,
      quality: 'good',
      epoch: '00000000000000bb',
      seq: i,
      backfill: false,
    }),
    input('pos.sales', `clock/${i}`, {
      clinic: 'clock',
      sku: `c-${i}`,
      quantity: 1,
      unit_price: 1,
      currency: 'KES',
      sold_at: START + 180 * MINUTE,
      event_id: `clock-${i}`,
    }),
  ]).flat();

const SCHEMAS: Record<StreamTopic, z.ZodType> = {
  [STREAM_TOPICS.sensor5m]: sensorAggregateSchema,
  [STREAM_TOPICS.clinic5m]: clinicAggregateSchema,
  [STREAM_TOPICS.region5m]: regionAggregateSchema,
  [STREAM_TOPICS.sensorSliding]: sensorAggregateSchema,
  [STREAM_TOPICS.clinicSliding]: clinicAggregateSchema,
  [STREAM_TOPICS.findings]: findingSchema,
};

type Rows = Map<string, unknown>;

function embedded(inputs: readonly Input[]): Rows {
  const rows: Rows = new Map();
  const streams = new Streams(SETTINGS, ({ topic, key, value }: StreamRecord) => {
    if (key.includes('"clock"')) return;
    if (value === '') rows.delete(`${topic} ${key}`);
    else rows.set(`${topic} ${key}`, JSON.parse(value));
  });
  for (const one of inputs) streams.take(one);
  return rows;
}

let kafka: Service;
let producer: Producer;
const folder = tempFolder('flink');
let flink: ChildProcess | undefined;

beforeAll(async () => {
  kafka = await startKafka();
  const config = kafkaConfigSchema.parse({ brokers: [kafka.address], partitions: 3 });
  const admin = connectTo(config, undefined).admin();
  await admin.connect();
  await ensureTopics(admin, config);
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
  for (const { topic, ...message } of inputs) await producer.send({ topic, messages: [message] });
}

/** The last record of each key as an independent client sees it, committed only. */
function output(): Rows {
  const rows: Rows = new Map();
  for (const topic of Object.values(STREAM_TOPICS)) {
    const lines = kcatLines(kafka.address, topic, '-K', '\t').filter((line) => !line.includes('"clock"'));
    for (const line of lines) {
      const [key, value] = line.split('\t') as [string, string];
      const name = `${topic} ${key}`;
      if (value === '') rows.delete(name);
      else rows.set(name, JSON.parse(value));
    }
  }
  return rows;
}

const checkpoints = () =>
  readdirSync(`${folder.path}/checkpoints`, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('_metadata'),
  );

it('Flink, killed in the middle, and the relay’s own streams give the same rows', async () => {
  const inputs = hour();
  const half = Math.floor(inputs.length / 2);
  const expected = embedded([...inputs, ...clocks()]);
  startFlink();
  await send(inputs.slice(0, half));
  await until('rows of the first half', 90_000, () => output().size > 50);
  const before = new Set(checkpoints());
  await until('a checkpoint after them', 60_000, () => checkpoints().some((name) => !before.has(name)));
  flink!.kill('SIGKILL');
  await new Promise((resolve) => flink!.once('exit', resolve));
  await send(inputs.slice(half));
  startFlink();
  await send(clocks());
  await until(`${expected.size} rows`, 120_000, () => {
    const rows = output();
    return [...expected].every(
      ([key, row]) => JSON.stringify(sorted(rows.get(key))) === JSON.stringify(sorted(row)),
    );
  }).catch(() => {});
  const rows = output();
  const kinds = new Set([...rows.values()].map((row) => (row as { kind?: string }).kind));
  expect([...kinds].sort()).toEqual([
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
  expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(expected));
  for (const [name, row] of rows) {
    const topic = name.slice(0, name.indexOf(' ')) as StreamTopic;
    expect(SCHEMAS[topic].safeParse(row).error).toBeUndefined();
  }
  const admin = connectTo(kafkaConfigSchema.parse({ brokers: [kafka.address] }), undefined).admin();
  await admin.connect();
  const lag = () => lagOf(admin, STREAMS_GROUP);
  // Offsets are committed after a checkpoint, not with it.
  await until('nothing left to read', 20_000, async () => {
    const all = await lag();
    return all.length === 3 && all.every(({ records }) => records === 0);
  });
  expect((await lag()).map(({ topic }) => topic).sort()).toEqual([
    'erp.inventory',
    'iot.temperature',
    'pos.sales',
  ]);
  await admin.disconnect();
  expect(readFileSync(`${folder.path}/job.sql`, 'utf8')).toContain('execution.state-recovery.path');
}, 400_000);

const sorted = (row: unknown) => Object.entries((row ?? {}) as object).sort(([a], [b]) => (a < b ? -1 : 1));
