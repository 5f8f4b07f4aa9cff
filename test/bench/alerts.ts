import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Batch, encodeBatch } from '../../core/contract/batch.js';
import type { AlertMessage } from '../../core/contract/messages.js';
import { MINUTE } from '../../core/durations.js';
import { sourcesConfigSchema } from '../../relay/accept/schema.js';
import { connectTo } from '../../relay/log/kafka/admin.js';
import { kafkaConfigSchema } from '../../relay/log/kafka/schema.js';
import { flinkEnv } from '../../relay/streams/flink-env.js';
import { until } from '../world/run/programs.js';
import { startRelay } from '../world/run/relay.js';
import { startKafka, tempFolder } from '../world/run/services.js';
import { type Figure, figure } from './figure.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const TOKEN = 'a-token-of-the-bench';
const SKUS = 30;
/** Between two changes of stock: not in step with anything that runs each second. */
const PAUSE_MS = 1370;
/** A gateway that sends its two units' readings each minute; the first of these minutes are as they should be. */
const CALM = 2;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** From what is posted to the alert in Kafka, by way of the Flink job at the settings that it comes with. */
export async function alertFigures(): Promise<Figure[]> {
  const kafka = await startKafka();
  const folder = tempFolder('alerts-bench');
  const reorder = Object.fromEntries(Array.from({ length: SKUS + 1 }, (_, i) => [`SKU-${i}`, 20]));
  const sources = { tokens: [{ token: TOKEN, scopes: ['erp'] }], reorder };
  const relay = await startRelay(folder.path, { kafka: kafka.address, sources });
  const consumer = connectTo(kafkaConfigSchema.parse({ brokers: [kafka.address] }), undefined).consumer({
    groupId: 'bench',
    readUncommitted: false,
    maxWaitTimeInMs: 50,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: ['alerts'], fromBeginning: true });
  const told = new Map<string, number>();
  await consumer.run({
    eachMessage: async ({ message }) => {
      const { state, rule, summary } = JSON.parse(String(message.value)) as AlertMessage;
      if (state === 'raised') told.set(`${rule} ${summary}`, performance.now());
    },
  });
  const flink = spawn(`${ROOT}scripts/services`, ['flink', 'run', kafka.address, `${folder.path}/flink`], {
    env: {
      ...process.env,
      ...flinkEnv({ sources: sourcesConfigSchema.parse({ reorder }), regions: {}, kafka: undefined }),
    },
    stdio: 'ignore',
  });
  const of = (start: string, part = '') =>
    [...told].find(([key]) => key.startsWith(start) && key.includes(part))?.[1];
  const stock = async (n: number) => {
    const change = {
      clinic: 'c',
      sku: `SKU-${n}`,
      delta: -1,
      on_hand: 5,
      changed_at: Date.now(),
      event_id: `e-${n}`,
    };
    await post(`${relay.url}/v1/sources/erp/inventory`, change, TOKEN);
  };
  try {
    await stock(0);
    await until('a warm job', 600_000, () => of('stream:stock_low', 'SKU-0 '));
    const posted: number[] = [];
    for (let n = 1; n <= SKUS; n++) {
      await sleep(PAUSE_MS);
      posted.push(performance.now());
      await stock(n);
    }
    await until('all alerts', 120_000, () => of('stream:stock_low', `SKU-${SKUS} `));
    const waits = posted.map((at, i) => ((of('stream:stock_low', `SKU-${i + 1} `) ?? at) - at) / 1000);
    waits.sort((a, b) => a - b);
    const out = await twoUnitsOut(relay.url, () => of('stream:several_out'));
    return [
      figure('alert.stock.p50', waits[Math.floor(SKUS / 2)]!, 's, stock posted to alert in Kafka, on Flink'),
      figure('alert.stock.p95', waits[Math.floor(SKUS * 0.95)]!, 's, the same'),
      figure('alert.out', out, 's, two units out, from their first reading outside to the alert'),
    ];
  } finally {
    flink.kill('SIGKILL');
    await consumer.disconnect();
    await relay.program.stop();
    await kafka.stop();
    folder.remove();
  }
}

/** In real time: a reading a minute and unit, as it comes from a gateway whose link costs nothing. */
async function twoUnitsOut(url: string, told: () => number | undefined): Promise<number> {
  let began = 0;
  for (let m = 0; told() === undefined && m < 20; m++) {
    const at = Date.now();
    const hot = m >= CALM;
    if (m === CALM) began = performance.now();
    const rows = ['fridge-1', 'fridge-2'].map((sensor) => ({
      sensor,
      quantity: 'temperature' as const,
      measuredAt: at,
      estimated: false,
      milli: hot ? 12_000 : 5000,
      quality: 0,
    }));
    const head = { clinic: 'c', gateway: 'g', epoch: '00000000000000aa', backfill: false };
    const batch: Batch = { ...head, from: 2 * m + 1, to: 2 * m + 2, stream: 'readings', rows };
    await post(`${url}/v1/gateways/g/batches`, encodeBatch(batch));
    await until(
      'a minute, or the alert',
      MINUTE + 5000,
      () => told() !== undefined || Date.now() - at >= MINUTE,
    );
  }
  return (told()! - began) / 1000;
}

async function post(url: string, body: unknown, token?: string): Promise<void> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...authorization },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
}
