import { mkdirSync, statSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { CompressionTypes, Kafka, logLevel } from 'kafkajs';
import { recordsOf } from '../../relay/accept/records.js';
import { fillRing, minuteReadings, START } from '../world/ring/fill-ring.js';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { startRelay } from '../world/run/relay.js';
import { startKafka, tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';
import { cpuSeconds, type Figure, figure } from './figure.js';

/** The same readings as the messages that Kafka gets. */
function messages(count: number) {
  const rows = [...minuteReadings(count)].map(({ sensor, mono, milli }) => ({
    sensor: `s${sensor}`,
    quantity: 'temperature' as const,
    measuredAt: START + mono,
    estimated: false,
    milli,
    quality: 0,
  }));
  const head = { clinic: 'c', gateway: 'bench', epoch: '00112233aabbccdd', backfill: true };
  return recordsOf({ ...head, stream: 'readings', from: 1, to: count, rows });
}

export async function drainFigures(count: number): Promise<Figure[]> {
  const kafka = await startKafka();
  const folder = tempFolder('drain');
  try {
    mkdirSync(`${folder.path}/agent`);
    fillRing(`${folder.path}/agent/ring.db`, count);
    const fileBytes = statSync(`${folder.path}/agent/ring.db`).size;
    const httpPort = await freePort();
    const { program: relay, url } = await startRelay(folder.path, { kafka: kafka.address });
    const reference = await produceRaw(kafka.address, count);
    const agent = new Program(
      'agent',
      {
        clinic: { id: 'c', name: 'Bench' },
        gateway: 'bench',
        data: `${folder.path}/agent`,
        relay: { url },
        http: { host: '127.0.0.1', port: httpPort },
      },
      folder.path,
    );
    const status = () =>
      getJson<AgentStatus & { relay: { sent_bytes: number } }>(`http://127.0.0.1:${httpPort}/api/status`);
    await until('the drain has begun', 60_000, async () => (await status()).relay.backlog < count);
    const [started, before] = [performance.now(), (await status()).relay.backlog];
    await until('the drain', 60_000, async () => (await status()).relay.backlog === 0);
    const rate = before / ((performance.now() - started) / 1000);
    const { sent_bytes: sent } = (await status()).relay;
    const agentCpu = (cpuSeconds(agent.pid) / count) * 100_000;
    const relayCpu = (cpuSeconds(relay.pid) / count) * 100_000;
    await Promise.all([agent.stop(), relay.stop()]);
    const json =
      gzipSync(
        messages(20_000)
          .map((record) => record.value)
          .join('\n'),
      ).length / 20_000;
    return [
      figure('drain.ring_to_kafka', rate, 'readings/s', {
        name: 'raw kafkajs idempotent produce',
        value: reference,
      }),
      figure('drain.agent_cpu', agentCpu, 's per 100,000 readings'),
      figure('drain.relay_cpu', relayCpu, 's per 100,000 readings'),
      figure('wire.bytes', sent / count, 'bytes/reading', { name: 'JSON objects, gzipped', value: json }),
      figure('ring.bytes', fileBytes / count, 'bytes/reading'),
    ];
  } finally {
    await kafka.stop();
    folder.remove();
  }
}

async function produceRaw(broker: string, count: number): Promise<number> {
  const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  const topic = `bench-${Date.now()}`;
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 6 }], waitForLeaders: true });
  await admin.disconnect();
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 5 });
  await producer.connect();
  const all = messages(count).map(({ key, value, headers }) => ({ key, value, headers }));
  const started = performance.now();
  const window: Promise<unknown>[] = [];
  for (let i = 0; i < all.length; i += 1000) {
    window.push(
      producer.send({
        topic,
        messages: all.slice(i, i + 1000),
        acks: -1,
        compression: CompressionTypes.None,
      }),
    );
    if (window.length >= 5) await window.shift();
  }
  await Promise.all(window);
  const rate = count / ((performance.now() - started) / 1000);
  await producer.disconnect();
  return rate;
}
