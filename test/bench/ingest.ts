import { connect, connectAsync, type MqttClient } from 'mqtt';
import { freePort, getJson, Program, until } from '../world/programs.js';
import { startMosquitto, tempFolder } from '../world/services.js';
import type { AgentStatus } from '../world/views.js';
import { cpuSeconds, type Figure, figure } from './figure.js';

const SENSORS = 50;
const topicOf = (i: number) => `bench/s${i % SENSORS}`;

/** Leaves `count` messages in the broker for the absent session of each subscriber. */
async function publish(client: MqttClient, count: number): Promise<void> {
  let window: Promise<unknown>[] = [];
  for (let i = 0; i < count; i++) {
    const payload = JSON.stringify({ temperature: 4 + (i % 40) / 10, n: i, battery: 97, linkquality: 72 });
    window.push(client.publishAsync(topicOf(i), payload, { qos: 1 }));
    if (window.length >= 1000) {
      await Promise.all(window);
      window = [];
    }
  }
  await Promise.all(window);
}

/** MQTT QoS 1 → durable in the ring and evaluated, against raw mqtt.js receiving the same backlog. */
export async function ingestFigures(count: number): Promise<Figure[]> {
  const mosquitto = await startMosquitto('max_inflight_messages 0\nmax_queued_messages 0\nlog_type none\n');
  const folder = tempFolder('bench');
  const url = `mqtt://${mosquitto.address}`;
  const httpPort = await freePort();
  const rules = [
    { kind: 'threshold', name: 'warm', side: 'above', limit: 8, dwell: '10m' },
    { kind: 'threshold', name: 'cold', side: 'below', limit: 2, dwell: '10m' },
  ];
  const site = {
    clinic: { id: 'c', name: 'Bench' },
    gateway: 'bench',
    data: `${folder.path}/agent`,
    sensors: Array.from({ length: SENSORS }, (_, i) => ({
      id: `s${i}`,
      source: {
        kind: 'mqtt',
        topic: `bench/s${i}`,
        values: [{ quantity: 'temperature', unit: 'Cel', path: 'temperature' }],
      },
      rules,
    })),
    mqtt: { url },
    http: { host: '127.0.0.1', port: httpPort },
  };
  const status = () => getJson<AgentStatus>(`http://127.0.0.1:${httpPort}/api/status`);
  try {
    const agent = new Program('agent', site, folder.path);
    await until('the agent', 20_000, status);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await agent.stop();
    const raw = await connectAsync(url, { clientId: 'raw', clean: false });
    await raw.subscribeAsync('bench/#', { qos: 1 });
    await raw.endAsync();
    const publisher = await connectAsync(url);
    await publish(publisher, count);
    await publisher.endAsync();

    const rawRate = await receiveRaw(url, count);
    const again = new Program('agent', site, folder.path);
    await until('the first reading', 20_000, async () => (await status()).ring.readings > 0);
    const [started, before] = [performance.now(), (await status()).ring.readings];
    await until('all readings', 300_000, async () => (await status()).ring.readings >= count);
    const rate = (count - before) / ((performance.now() - started) / 1000);
    const cpu = (cpuSeconds(again.pid) / count) * 100_000;
    await again.stop();
    return [
      figure('ingest.mqtt_to_ring', rate, 'readings/s', {
        name: 'raw mqtt.js QoS 1 receive',
        value: rawRate,
      }),
      figure('ingest.cpu', cpu, 's per 100,000 readings, MQTT to durable'),
    ];
  } finally {
    await mosquitto.stop();
    folder.remove();
  }
}

function receiveRaw(url: string, count: number): Promise<number> {
  const raw = connect(url, { clientId: 'raw', clean: false, resubscribe: false });
  return new Promise((resolve) => {
    let seen = 0;
    let started = 0;
    raw.on('message', () => {
      if (seen++ === 0) started = performance.now();
      if (seen === count) {
        const rate = count / ((performance.now() - started) / 1000);
        raw.end(true, () => resolve(rate));
      }
    });
  });
}
