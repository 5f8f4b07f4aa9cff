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
import { generator } from '../../core/random.js';
import { kafkaConfigSchema } from '../../relay/config/relay.js';
import { sourcesConfigSchema } from '../../relay/config/sources.js';
import { connectTo } from '../../relay/log/kafka/admin.js';
import { lagOf, STREAMS_GROUP } from '../../relay/log/kafka/lag.js';
import { ensureTopics } from '../../relay/log/kafka/topics.js';
import { STREAM_INPUTS, type StreamRecord, Streams } from '../../relay/streams/embedded/streams.js';
import { flinkEnv } from '../../relay/streams/flink-env.js';
import { kcatLines } from '../world/kcat.js';
import { until } from '../world/programs.js';
import { type Service, startKafka, tempFolder } from '../world/services.js';

/*
 * The same hour of mixed, late, repeated data, of wrong clocks and slow links, of fridges, freezers and a cabinet, through
 * the Flink job and through the relay's own streams: the last record of each key must be the same, row by row, and neither
 * says anything twice. Flink is killed in the middle and goes on from its checkpoint.
 */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MINUTE = 60_000;
const START = Date.UTC(2026, 10, 21, 6);
const SETTINGS = {
  reorder: { 'MMR-10': 20 },
  regions: { coast: { clinics: ['clinic-2', 'clinic-3', 'clinic-9'] } },
};

/** Kafka's number for it. */
const TOPIC_RESOURCE = 2;
const INPUTS = [...STREAM_INPUTS].sort();
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
  kafka: undefined,
});

interface Input {
  topic: (typeof STREAM_INPUTS)[number];
  key: string;
  value: string;
  arrivedMs: number;
}
const input = (topic: Input['topic'], key: string, value: object, arrivedMs: number): Input => ({
  topic,
  key,
  value: JSON.stringify(value),
  arrivedMs,
});

const UNITS = { temperature: 'Cel', humidity: '%RH', contact: '1' };
interface Measured {
  clinic: string;
  gateway: string;
  sensor: string;
  quantity?: keyof typeof UNITS;
  value: number;
  at: number;
  seq: number;
  quality?: string;
  backfill?: boolean;
  arrives?: number;
}

function reading({ quantity = 'temperature', at, arrives = at + 1000, ...measured }: Measured): Input {
  const { clinic, sensor, quality = 'good', backfill = false } = measured;
  const value = { ...measured, quantity, unit: UNITS[quantity], measured_at: at, quality, backfill };
  const message = { ...value, time_quality: 'synchronised', epoch: '00000000000000aa' };
  const topic = quantity === 'contact' ? 'iot.status' : 'iot.temperature';
  return input(topic, `${clinic}/${sensor}`, message, arrives);
}

function announced(
  clinic: string,
  sensor: string,
  limits: { quantity?: keyof typeof UNITS; low: number | null; high: number | null },
  at: number,
  more: object = {},
): Input {
  const { quantity = 'temperature', low, high } = limits;
  const is = { name: sensor, clinic_name: clinic, purpose: 'other', every_ms: MINUTE };
  const channels = [{ quantity, unit: UNITS[quantity], low, high }];
  const where = { clinic, gateway: 'gw-4', sensor, epoch: '00000000000000aa', seq: 1 };
  return input(
    'iot.sensors',
    `${clinic}/${sensor}`,
    { ...is, channels, ...where, announced_at: at, ...more },
    at,
  );
}

/** What twelve sensors of three clinics gave in an hour, none of which anybody announced. */
function fridges(random: () => number): Input[] {
  const arrivals: Input[] = [];
  for (let c = 1; c <= 3; c++) {
    for (let s = 1; s <= 4; s++) {
      const [clinic, gateway, sensor] = [`clinic-${c}`, `gw-${c}`, `fridge-${s}`];
      for (let m = 0; m < 60; m++) {
        const at = START + m * MINUTE + s * 1000 + Math.floor(random() * 400);
        const warming = s === 1 && m >= 20 && m < 32 ? (m - 20) * 0.4 : 0;
        // Two units of two clinics, for twelve minutes.
        const hot = c >= 2 && s % 2 === 1 && m >= 40 && m < 52;
        // One of these readings comes late and is good: the three minutes were not so bad after all.
        const relieving = hot && c === 3 && s === 3 && m === 47;
        // Nothing of one gateway for twenty minutes, and of nobody in one.
        if ((c === 1 && m >= 34 && m < 54) || m === 17) continue;
        const spike = s === 2 && m % 25 === 9 ? 4 : 0;
        const leap = hot && !relieving ? 8 : 0;
        const value =
          Math.round((4.5 + c / 3 + Math.sin(m / 5) + warming + spike + leap + random() * 0.4) * 1000) / 1000;
        const quality = random() < 0.03 ? 'bad' : 'good';
        // A gateway that was offline brings ten minutes back at the end of the hour.
        const backfill = (s === 4 && m >= 30 && m < 40) || relieving;
        const quantity = random() < 0.02 ? 'humidity' : 'temperature';
        const arrives = backfill ? START + 59 * MINUTE : at + Math.floor(random() * 30_000);
        const message = reading({
          clinic,
          gateway,
          sensor,
          quantity,
          value,
          at,
          seq: s * 1000 + m,
          quality,
          backfill,
          arrives,
        });
        arrivals.push(message);
        if (random() < 0.05) arrivals.push({ ...message, arrivedMs: arrives + 1 });
      }
    }
  }
  return arrivals;
}

/** A clinic with freezers, a cabinet and a door, each with limits of its own; some are announced late, some change. */
function announcedClinic(random: () => number): Input[] {
  const clinic = 'clinic-4';
  const gateway = 'gw-4';
  const arrivals = [
    announced(clinic, 'freezer-1', { low: -50, high: -15 }, START - MINUTE),
    announced(clinic, 'freezer-2', { low: -50, high: -15 }, START - MINUTE),
    // Said again, and changed in nothing but its name.
    announced(clinic, 'freezer-2', { low: -50, high: -15 }, START + 9 * MINUTE, { name: 'Second' }),
    announced(clinic, 'cabinet', { low: 15, high: 30 }, START + 45 * MINUTE),
    announced(clinic, 'door', { quantity: 'contact', low: null, high: 0 }, START - MINUTE),
    announced(clinic, 'slow', { low: 2, high: 8 }, START - MINUTE, { every_ms: 5 * MINUTE }),
    announced(clinic, 'slow', { low: 2, high: 5 }, START + 40 * MINUTE + 1, { every_ms: 5 * MINUTE }),
  ];
  for (let m = 0; m < 60; m++) {
    const at = START + m * MINUTE + 500;
    const place = { clinic, gateway, at };
    const thawing = m >= 10 && m < 18 ? 12 : 0;
    const noise = () => Math.round(random() * 300) / 1000;
    arrivals.push(
      reading({ ...place, sensor: 'freezer-1', value: -20 + thawing + noise(), seq: 10_000 + m }),
      reading({ ...place, sensor: 'freezer-2', value: -21 + thawing + noise(), seq: 20_000 + m }),
      reading({ ...place, sensor: 'cabinet', value: 22 + noise(), seq: 30_000 + m }),
      reading({
        ...place,
        sensor: 'door',
        quantity: 'contact',
        value: m % 11 === 3 ? 1 : 0,
        seq: 40_000 + m,
      }),
    );
    if (m % 5 === 2) arrivals.push(reading({ ...place, sensor: 'slow', value: 6, seq: 50_000 + m }));
  }
  return arrivals;
}

/** Gateways whose clocks and links are wrong: they must not disturb the others. */
function strangers(): Input[] {
  const wrong = { 'gw-ahead': [86_400_000, 1000], 'gw-behind': [-3_600_000, 1000], 'gw-slow': [0, 90_000] };
  return Object.entries(wrong).flatMap(([gateway, [clock, lag]], g) =>
    Array.from({ length: 50 }, (_, m) => {
      const at = START + m * MINUTE + 2500 + g * 10;
      const value = 5 + ((m * 7) % 5) / 10;
      const seq = 60_000 + g * 1000 + m;
      const place = { clinic: 'clinic-5', gateway, sensor: `of-${gateway}` };
      return reading({ ...place, value, at: at + clock!, seq, arrives: at + lag! });
    }),
  );
}

function commerce(): Input[] {
  const arrivals: Input[] = [];
  for (let c = 1; c <= 3; c++) {
    for (let m = 0; m < 60; m += 3) {
      const [clinic, sku] = [`clinic-${c}`, 'MMR-10'];
      const at = START + m * MINUTE;
      const sold = { clinic, sku, quantity: m % 21 === 15 ? 9 : 1 + (m % 3), unit_price: 2, currency: 'KES' };
      const sale = input(
        'pos.sales',
        `${clinic}/${sku}`,
        { ...sold, sold_at: at, event_id: `s-${c}-${m}` },
        at,
      );
      const onHand = m === 57 ? 30 : 40 - m;
      const stock = { clinic, sku, delta: -2, on_hand: onHand, changed_at: at, event_id: `i-${c}-${m}` };
      arrivals.push(sale, { ...sale, arrivedMs: at + 1 });
      arrivals.push(input('erp.inventory', `${clinic}/${sku}`, stock, at));
    }
  }
  return arrivals;
}

/** The hour in the order in which it arrived. */
function hour(): Input[] {
  const random = generator(11);
  const all = [...fridges(random), ...announcedClinic(random), ...strangers(), ...commerce()];
  return all.sort((a, b) => a.arrivedMs - b.arrivedMs);
}

/** Moves event time on in every partition; these rows are in no comparison. */
const clocks = (): Input[] =>
  Array.from({ length: 60 }, (_, i) => {
    const at = START + 180 * MINUTE;
    const place = { clinic: 'clock', gateway: 'clock', sensor: `c-${i}`, at, arrives: at };
    const sale = { clinic: 'clock', sku: `c-${i}`, quantity: 1, unit_price: 1, currency: 'KES' };
    return [
      reading({ ...place, value: 5, seq: i + 1 }),
      reading({ ...place, quantity: 'contact', value: 0, seq: 1000 + i }),
      input('pos.sales', `clock/${i}`, { ...sale, sold_at: at, event_id: `clock-${i}` }, at),
    ];
  }).flat();

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
let producer: Producer;
const folder = tempFolder('flink');
let flink: ChildProcess | undefined;

beforeAll(async () => {
  kafka = await startKafka();
  const config = kafkaConfigSchema.parse({ brokers: [kafka.address], partitions: 3 });
  const admin = connectTo(config, undefined).admin();
  await admin.connect();
  await ensureTopics(admin, config);
  // A clock of our own for the time of arrival: an hour passes in seconds.
  const resources = STREAM_INPUTS.map((name) => ({
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
    await producer.send({ topic, messages: [{ key, value, timestamp: String(arrivedMs) }] });
  }
}

/** What Flink wrote, as an independent client sees it, committed only. */
function output(): Written {
  const written: Written = new Map();
  for (const topic of Object.values(STREAM_TOPICS)) {
    for (const line of kcatLines(kafka.address, topic, '-K', '\t')) {
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
  const admin = connectTo(kafkaConfigSchema.parse({ brokers: [kafka.address] }), undefined).admin();
  await admin.connect();
  const lag = () => lagOf(admin, STREAMS_GROUP);
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
