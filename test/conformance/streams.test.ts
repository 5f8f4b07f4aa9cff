import { readFileSync } from 'node:fs';
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
import { MINUTE } from '../../core/durations.js';
import { connectTo } from '../../relay/log/kafka/admin.js';
import { lagOf } from '../../relay/log/kafka/lag.js';
import { Names } from '../../relay/log/kafka/names.js';
import { clocks, hour, PLAN } from '../world/data/hours.js';
import { FlinkJob, JOB_INPUTS } from '../world/run/flink-job.js';
import { ownStreams, withoutClocks } from '../world/run/own-streams.js';
import { until } from '../world/run/programs.js';

/*
 * The same hour of mixed, late, repeated data, of wrong clocks and slow links, of fridges, freezers and a cabinet, through
 * the Flink job and through the relay's own streams: the last record of each key must be the same, row by row, and neither
 * says anything twice. Flink is killed in the middle and goes on from its checkpoint.
 */
const START = PLAN.startMs;

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

function grouped(records: readonly { topic: string; key: string; value: string }[]): Written {
  const written: Written = new Map();
  for (const { topic, key, value } of records) write(written, topic, key, value);
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

let job: FlinkJob;
beforeAll(async () => {
  job = await FlinkJob.open();
});
afterAll(() => job?.close());

const output = () => grouped(withoutClocks(job.output()));

/** Looking takes its time, too. */
async function outputSoon(): Promise<Written> {
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return output();
}

/** What was written after that. */
const since = (all: Written, before: Written): Written =>
  new Map([...all].map(([name, values]) => [name, values.slice(before.get(name)?.length ?? 0)]));

async function nothingLeftToRead(): Promise<void> {
  const admin = connectTo(job.config, undefined).admin();
  await admin.connect();
  const lag = () => lagOf(admin, new Names(job.config));
  // Offsets are committed after a checkpoint, not with it.
  await until('nothing left to read', 20_000, async () => {
    const all = await lag();
    return all.length === JOB_INPUTS.length && all.every(({ records }) => records === 0);
  });
  expect((await lag()).map(({ topic }) => topic).sort()).toEqual(JOB_INPUTS);
  await admin.disconnect();
}

it('Flink, killed in the middle, and the relay’s own streams write the same, and nothing twice', async () => {
  const inputs = hour();
  const half = Math.floor(inputs.length / 2);
  const own = grouped(ownStreams([...inputs, ...clocks()]));
  const expected = standing(own);
  expect(repeats(own)).toEqual([]);
  // It is there before the job: one that starts slowly takes no partition for idle.
  await job.send(inputs.slice(0, half));
  job.start();
  await until('rows of the first half', 420_000, async () => (await outputSoon()).size > 50);
  await job.checkpoint();
  await job.kill();
  const first = output();
  await job.send(inputs.slice(half));
  job.start();
  await job.send(clocks());
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
  const ofRegion = (said: string) => said.startsWith('twice agg.region.5m') || said.includes('region_out');
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
  await nothingLeftToRead();
  expect(readFileSync(`${job.folder}/job.sql`, 'utf8')).toContain('execution.state-recovery.path');
}, 1_200_000);

const sorted = (row: object) => Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));
