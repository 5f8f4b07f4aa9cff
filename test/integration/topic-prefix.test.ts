import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { encodeBatch } from '../../core/contract/batch.js';
import type { ReadingMessage } from '../../core/contract/messages.js';
import { kcatLines } from '../world/run/kcat.js';
import { getJson, until } from '../world/run/programs.js';
import { startRelay, type TestRelay } from '../world/run/relay.js';
import { type Service, startKafka, tempFolder } from '../world/run/services.js';

/** Two installations on one Kafka, with gateways of the same names: neither sees, fences or counts the other's. */
const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const ROWS = 20;
const EPOCH = '00000000000000aa';
const folder = tempFolder('prefix');
let kafka: Service;
let plain: TestRelay;
let west: TestRelay;

const ofWest = () =>
  startRelay(`${folder.path}/west`, {
    kafka: kafka.address,
    kafkaSettings: { topic_prefix: 'west.', lanes: 2 },
    archive: {},
  });

beforeAll(async () => {
  kafka = await startKafka();
  plain = await startRelay(`${folder.path}/plain`, { kafka: kafka.address, archive: {} });
  west = await ofWest();
});
afterAll(async () => {
  await Promise.all([plain?.program.stop(), west?.program.stop()]);
  await kafka?.stop();
  folder.remove();
});

async function send({ url }: TestRelay, clinic: string, from: number, to: number): Promise<number> {
  const rows = Array.from({ length: to - from + 1 }, (_, i) => ({
    sensor: 'fridge-1',
    quantity: 'temperature' as const,
    measuredAt: Date.now() - (to - from - i) * 1000,
    estimated: false,
    milli: 4000 + from + i,
    quality: 0,
  }));
  const head = { clinic, gateway: 'gw', epoch: EPOCH, backfill: false, stream: 'readings' as const };
  const sent = await fetch(`${url}/v1/gateways/gw/batches`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(encodeBatch({ ...head, from, to, rows })),
  });
  return sent.status;
}

const seqs = (topic: string, clinic: string) =>
  kcatLines(kafka.address, topic)
    .map((line) => JSON.parse(line) as ReadingMessage)
    .map((reading) => {
      expect(reading.clinic).toBe(clinic);
      return reading.seq;
    });
const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);

const history = async ({ url }: TestRelay, clinic: string) => {
  const from = new Date(Date.now() - 600_000).toISOString();
  const query = `clinic=${clinic}&sensor=fridge-1&from=${from}&to=${new Date(Date.now() + 60_000).toISOString()}`;
  return (await getJson<{ readings: unknown[] }>(`${url}/v1/history/readings?${query}`)).readings.length;
};

it('installations of different prefixes share a Kafka, and neither touches what is the other’s', async () => {
  expect(await send(plain, 'north', 1, ROWS)).toBe(200);
  expect(await send(west, 'far-west', 1, ROWS)).toBe(200);
  // One is killed and comes back while the other goes on: no lane of the other is fenced or moved.
  await west.program.kill();
  expect(await send(plain, 'north', ROWS + 1, 2 * ROWS)).toBe(200);
  west = await ofWest();
  expect(await send(west, 'far-west', 1, ROWS + 5)).toBe(200);
  expect(seqs('iot.temperature', 'north')).toEqual(upTo(2 * ROWS));
  expect(seqs('west.iot.temperature', 'far-west')).toEqual(upTo(ROWS + 5));
  await until('the history of each', 30_000, async () => {
    const [north, far] = [await history(plain, 'north'), await history(west, 'far-west')];
    return north === 2 * ROWS && far === ROWS + 5;
  });
  const admin = new Kafka({ brokers: [kafka.address], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const topics = (await admin.listTopics()).filter((name) => !name.startsWith('__'));
  const prefixed = topics.filter((name) => name.startsWith('west.'));
  const bare = topics.filter((name) => !name.startsWith('west.'));
  expect(prefixed.map((name) => name.slice('west.'.length)).sort()).toEqual(bare.sort());
  const groups = (await admin.listGroups()).groups.map(({ groupId }) => groupId);
  expect(groups.filter((id) => id.endsWith('coldwatch-lanes')).sort()).toEqual([
    'coldwatch-lanes',
    'west.coldwatch-lanes',
  ]);
  expect(groups.filter((id) => !/^(west\.)?coldwatch-/.test(id))).toEqual([]);
  await admin.disconnect();
}, 180_000);

it('topics apply and flink-env name the installation’s own', () => {
  const run = (...args: string[]) => {
    const done = spawnSync(process.execPath, [CLI, 'relay', ...args, '--json'], { encoding: 'utf8' });
    return { status: done.status, out: JSON.parse(done.stdout) as unknown };
  };
  const config = ['--config', `${folder.path}/west/relay.yaml`];
  expect(run('topics', 'apply', ...config, '--dry-run')).toEqual({ status: 0, out: { differences: [] } });
  expect(run('flink-env', ...config)).toEqual({ status: 0, out: { TOPIC_PREFIX: 'west.' } });
});
