import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { connect } from 'mqtt';
import { COMPANY_ROWS } from '../../agent/ring/client.js';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { type Service, startMosquitto, tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';
import { cpuSeconds, type Figure, figure } from './figure.js';

const SENSORS = 50;
const PUBLISHER = fileURLToPath(new URL('./publisher.js', import.meta.url));

/** MQTT QoS 1 → durable in the ring and evaluated, against raw mqtt.js receiving from the same publisher. */
export async function ingestFigures(count: number): Promise<Figure[]> {
  const mosquitto = await startMosquitto('max_inflight_messages 0\nmax_queued_messages 0\nlog_type none\n');
  try {
    const raw = await receiveRaw(mosquitto, count);
    const agent = await receiveByAgent(mosquitto, count);
    return [
      figure('ingest.mqtt_to_ring', agent.rate, 'readings/s', {
        name: 'raw mqtt.js QoS 1 receive',
        value: raw,
      }),
      figure('ingest.cpu', agent.cpu, 's per 100,000 readings, MQTT to durable'),
    ];
  } finally {
    await mosquitto.stop();
  }
}

export function publish(mosquitto: Service, count: number): void {
  spawn(process.execPath, [PUBLISHER, `mqtt://${mosquitto.address}`, String(count)], { stdio: 'inherit' });
}

function receiveRaw(mosquitto: Service, count: number): Promise<number> {
  const client = connect(`mqtt://${mosquitto.address}`, { clientId: 'raw', clean: true });
  return new Promise((resolve) => {
    let seen = 0;
    let started = 0;
    client.on('message', () => {
      if (seen++ === 0) started = performance.now();
      if (seen < count) return;
      const rate = count / ((performance.now() - started) / 1000);
      client.end(true, () => resolve(rate));
    });
    client.subscribe('bench/#', { qos: 1 }, () => publish(mosquitto, count));
  });
}

async function receiveByAgent(mosquitto: Service, count: number): Promise<{ rate: number; cpu: number }> {
  const folder = tempFolder('bench');
  const httpPort = await freePort();
  const agent = new Program('agent', ingestSite(folder.path, mosquitto, httpPort), folder.path);
  const readings = async () =>
    (await getJson<AgentStatus>(`http://127.0.0.1:${httpPort}/api/status`)).ring.readings;
  try {
    await until('the agent', 20_000, async () => (await readings()) === 0);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const cpuBefore = cpuSeconds(agent.pid);
    publish(mosquitto, count);
    await until('the first reading', 20_000, async () => (await readings()) > 0);
    const [started, before] = [performance.now(), await readings()];
    // The last few of a burst wait for company: that is no work, and not measured.
    const through = count - COMPANY_ROWS;
    await until('all readings', 60_000, async () => (await readings()) >= through);
    const rate = (through - before) / ((performance.now() - started) / 1000);
    return { rate, cpu: ((cpuSeconds(agent.pid) - cpuBefore) / count) * 100_000 };
  } finally {
    await agent.stop();
    folder.remove();
  }
}

export function ingestSite(folder: string, mosquitto: Service, httpPort: number) {
  const rules = [
    { kind: 'threshold', name: 'warm', side: 'above', limit: 8, dwell: '10m' },
    { kind: 'threshold', name: 'cold', side: 'below', limit: 2, dwell: '10m' },
  ];
  return {
    clinic: { id: 'c', name: 'Bench' },
    gateway: 'bench',
    data: `${folder}/agent`,
    sensors: Array.from({ length: SENSORS }, (_, i) => ({
      id: `s${i}`,
      source: {
        kind: 'mqtt',
        topic: `bench/s${i}`,
        values: [{ quantity: 'temperature', unit: 'Cel', path: 'temperature' }],
      },
      rules,
    })),
    mqtt: { url: `mqtt://${mosquitto.address}` },
    http: { host: '127.0.0.1', port: httpPort },
  };
}
