import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { connectTo } from '../../relay/log/kafka/admin.js';
import { lagOf } from '../../relay/log/kafka/lag.js';
import { Names } from '../../relay/log/kafka/names.js';
import { kafkaConfigSchema } from '../../relay/log/kafka/schema.js';
import { ensureTopics } from '../../relay/log/kafka/topics.js';
import { until } from '../world/run/programs.js';
import { startKafka, tempFolder } from '../world/run/services.js';
import { cpuSeconds, type Figure, figure } from './figure.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** A reading a minute each, as gateways are set by default; the ten of a gateway come together. */
const SENSORS = 100_000;
const SENSORS_OF_A_GATEWAY = 10;
const CHUNK = 5000;
/** Until then code is compiled and nothing is like it stays. */
const WARM_SHARE = 0.3;

/** `count` readings of a hundred thousand sensors, waiting in Kafka: how fast the one job with all streams takes them. */
export async function flinkFigures(count: number): Promise<Figure[]> {
  const kafka = await startKafka();
  const folder = tempFolder('flink-bench');
  const config = kafkaConfigSchema.parse({ brokers: [kafka.address], partitions: 4 });
  const client = connectTo(config, undefined);
  const admin = client.admin();
  const producer = client.producer();
  await admin.connect();
  await ensureTopics(admin, config);
  await producer.connect();
  for (let from = 0; from < count; from += CHUNK) {
    const messages = Array.from({ length: Math.min(CHUNK, count - from) }, (_, i) => message(from + i));
    await producer.send({ topic: 'iot.temperature', messages });
  }
  const flink = spawn(`${ROOT}scripts/services`, ['flink', 'run', kafka.address, folder.path], {
    env: { ...process.env, FLINK_HEAP: '8g' },
    stdio: 'ignore',
  });
  try {
    const left = async () =>
      (await lagOf(admin, new Names(config))).find((l) => l.topic === 'iot.temperature')?.records;
    const warm = count * (1 - WARM_SHARE);
    const first = await until('a warm job', 300_000, async () => {
      const now = await left();
      return now !== undefined && now < warm ? now : undefined;
    });
    const [began, before] = [performance.now(), first];
    const cpuBefore = cpuSeconds(flink.pid!);
    await until('all readings', 600_000, async () => (await left()) === 0);
    const seconds = (performance.now() - began) / 1000;
    const cpu = ((cpuSeconds(flink.pid!) - cpuBefore) / Math.max(1, before)) * 100_000;
    return [
      figure(
        'flink.rate',
        before / seconds,
        `readings/s, all streams in one job, the last ${before} of ${count}`,
      ),
      figure('flink.cpu', cpu, 's per 100,000 readings'),
    ];
  } finally {
    flink.kill('SIGKILL');
    await Promise.all([producer.disconnect(), admin.disconnect()]);
    await kafka.stop();
    folder.remove();
  }
}

function message(i: number) {
  const sensor = i % SENSORS;
  const gateway = Math.floor(sensor / SENSORS_OF_A_GATEWAY);
  const minute = Math.floor(i / SENSORS);
  const value = {
    clinic: `clinic-${gateway}`,
    gateway: `gw-${gateway}`,
    sensor: `s${sensor}`,
    quantity: 'temperature',
    value: Math.round(4500 + 800 * Math.sin((minute + sensor) / 6) + (i % 7) * 10) / 1000,
    unit: 'Cel',
    measured_at: Date.UTC(2026, 0, 1) + minute * 60_000 + Math.floor((sensor / SENSORS) * 60_000),
    time_quality: 'synchronised',
    quality: 'good',
    epoch: '00112233aabbccdd',
    seq: i,
    backfill: false,
  };
  return { key: `${value.clinic}/${value.sensor}`, value: JSON.stringify(value) };
}
