import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Batch, encodeBatch } from '../../core/contract/batch.js';
import { TOPICS } from '../../core/contract/messages.js';
import { STREAM_TOPICS } from '../../core/contract/streams.js';
import { MINUTE } from '../../core/durations.js';
import { freePort, getJson, until } from '../world/run/programs.js';
import { startRelay, type TestRelay } from '../world/run/relay.js';
import { type Service, startKafka, tempFolder } from '../world/run/services.js';

/*
 * The relay's own schema registry between the relay and Flink: readings go into Kafka as Avro, the Flink job reads them,
 * registers what it writes, and the relay's archive reads that. Flink's metrics are those that the alert rules ask for.
 */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ACCESS = { username: 'streams', password: 'a-password-of-streams' };
const folder = tempFolder('streams-avro');
let kafka: Service;
let relay: TestRelay;
let flink: ChildProcess | undefined;
let metrics: number;

beforeAll(async () => {
  kafka = await startKafka();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/registry`;
  relay = await startRelay(folder.path, {
    port,
    registry: ACCESS,
    kafka: kafka.address,
    kafkaRegistry: { url, ...ACCESS },
    archive: {},
  });
  metrics = await freePort();
  flink = spawn(`${ROOT}scripts/services`, ['flink', 'run', kafka.address, `${folder.path}/flink`], {
    env: {
      ...process.env,
      REGISTRY: url,
      REGISTRY_AUTH: `${ACCESS.username}:${ACCESS.password}`,
      FLINK_METRICS: String(metrics),
      CHECKPOINT_EVERY: '2 s',
    },
    stdio: 'ignore',
  });
});
afterAll(async () => {
  flink?.kill('SIGKILL');
  await relay?.program.stop();
  await kafka?.stop();
  folder.remove();
});

/** Flink's metrics, on that port. */
async function hasWhatRulesAskFor(metrics: number): Promise<void> {
  const text = await until('a checkpoint in Flink’s metrics', 60_000, async () => {
    const found = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
    return /^flink_jobmanager_job_lastCheckpointCompletedTimestamp\S* [1-9]/m.test(found) ? found : undefined;
  });
  const rules = readFileSync(`${ROOT}relay/observability/prometheus-rules.yaml`, 'utf8');
  const asked = new Set(rules.match(/flink_\w+/g));
  expect(asked.size).toBe(2);
  for (const name of asked) expect(text).toContain(`\n${name}{`);
  expect(text).toMatch(/currentOutputWatermark\{[^}]*operator_name="sensor_sliding[^"]*Writer"/);
}

it('Flink reads and writes Avro of the relay’s registry, and the relay reads it back', async () => {
  const start = Math.floor(Date.now() / (5 * MINUTE)) * 5 * MINUTE - 10 * MINUTE;
  const rows = [0, 1, 2, 3].flatMap((m) =>
    ['fridge-1', 'fridge-2', 'freezer'].map((sensor) => ({
      sensor,
      quantity: 'temperature' as const,
      measuredAt: start + m * MINUTE,
      estimated: false,
      milli: (sensor === 'freezer' ? -20_000 : 9000) + m * 100,
      quality: 0,
    })),
  );
  const head = { clinic: 'north', gateway: 'gw', epoch: '00000000000000aa', backfill: false };
  const send = async (batch: Batch) => {
    const sent = await fetch(`${relay.url}/v1/gateways/gw/batches`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(encodeBatch(batch)),
    });
    expect(sent.status).toBe(200);
  };
  const channels = [{ quantity: 'temperature' as const, unit: 'Cel' as const, low: -50, high: -15 }];
  const is = {
    name: 'Freezer',
    clinic_name: 'North',
    purpose: 'freezer' as const,
    every_ms: MINUTE,
    channels,
  };
  const announced = { type: 'sensor' as const, sensor: 'freezer', at: new Date(start).toISOString(), is };
  await send({ ...head, from: 1, to: 1, stream: 'events', rows: [announced] });
  await send({ ...head, from: 1, to: rows.length, stream: 'readings', rows });
  const from = new Date(start - MINUTE).toISOString();
  const to = new Date(start + 20 * MINUTE).toISOString();
  const aggregates = await until('the aggregates', 300_000, async () => {
    const url = `${relay.url}/v1/history/aggregates?clinic=north&from=${from}&to=${to}`;
    const found = (await getJson<{ aggregates: { count: number; sensor: string }[] }>(url)).aggregates;
    return found.length === 3 && found.every(({ count }) => count === 4) ? found : undefined;
  });
  expect(aggregates.find(({ sensor }) => sensor === 'freezer')).toMatchObject({
    max: -19.7,
    seconds_outside: 0,
  });
  expect(aggregates.find(({ sensor }) => sensor === 'fridge-1')).toEqual({
    clinic: 'north',
    sensor: 'fridge-1',
    quantity: 'temperature',
    unit: 'Cel',
    low: 2,
    high: 8,
    seconds_covered: 240,
    since: start,
    count: 4,
    min: 9,
    max: 9.3,
    mean: 9.15,
    seconds_outside: 240,
  });
  // Two units out: a finding that Flink wrote, and the alert that the relay made of it.
  const episodes = await until('the alert', 60_000, async () => {
    const url = `${relay.url}/v1/history/episodes?clinic=north&from=${from}&to=${new Date().toISOString()}`;
    const found = (await getJson<{ episodes: { rule: string; severity: string }[] }>(url)).episodes;
    return found.length > 0 ? found : undefined;
  });
  expect(episodes[0]).toMatchObject({ rule: 'stream:several_out', severity: 'critical', gateway: 'relay' });

  // Times are times to Avro, whoever registered the schema: the relay that of what it writes, Flink that of the others.
  const authorization = `Basic ${Buffer.from(`${ACCESS.username}:${ACCESS.password}`).toString('base64')}`;
  for (const [topic, field] of [
    [TOPICS.temperature, 'measured_at'],
    [TOPICS.alerts, 'began_at'],
    [STREAM_TOPICS.sensor5m, 'since'],
    [STREAM_TOPICS.clinic5m, 'since'],
    [STREAM_TOPICS.findings, 'at'],
  ] as const) {
    const url = `${relay.url}/registry/subjects/${topic}-value/versions/latest`;
    const { schema } = (await (await fetch(url, { headers: { authorization } })).json()) as {
      schema: string;
    };
    const { fields } = JSON.parse(schema) as { fields: { name: string; type: unknown }[] };
    const type = JSON.stringify(fields.find(({ name }) => name === field)?.type);
    expect(`${topic} ${type}`).toContain('"logicalType":"timestamp-millis"');
  }
  await hasWhatRulesAskFor(metrics);
}, 600_000);
