import { connectAsync, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FaultyDisk } from '../world/faults/disk.js';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { readEmbedded } from '../world/run/read-log.js';
import { startRelay } from '../world/run/relay.js';
import { tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';

/* Devices that send to the broker inside the agent: it confirms what is kept, and nothing else. */
const START = Date.UTC(2026, 0, 1);
const DEVICES = ['a', 'b', 'c'];

let folder: ReturnType<typeof tempFolder>;
let disk: FaultyDisk;
let relay: Program;
let relayUrl: string;
let agent: Program;
let httpPort: number;
let mqttPort: number;
let devices: MqttClient[];
let sent: number;
let confirmed: number[];

const status = () => getJson<AgentStatus>(`http://127.0.0.1:${httpPort}/api/status`);
const inputs = () =>
  readEmbedded(`${folder.path}/relay`)
    .filter(({ topic }) => topic === 'iot.temperature')
    .map(({ message }) => (message.measured_at as number) - START);

function startAgent(): void {
  const site = {
    clinic: { id: 'c', name: 'Clinic' },
    gateway: 'g',
    data: disk.folder,
    sensors: DEVICES.map((id) => ({
      id,
      source: {
        kind: 'mqtt',
        topic: `clinic/${id}`,
        values: [{ quantity: 'temperature', unit: 'Cel', path: 't' }],
        time: { path: 'at', format: 'unix_ms' },
      },
    })),
    mqtt: { embedded: { host: '127.0.0.1', port: mqttPort }, listen: ['clinic/#'] },
    ring: { flush: '200ms' },
    relay: { url: relayUrl, every: '1s', backoff_max: '2s' },
    http: { host: '127.0.0.1', port: httpPort },
  };
  agent = new Program('agent', site, folder.path, disk.env());
}

/** Resolves at its confirmation, or when the device is cut off before it. */
async function publish(): Promise<void> {
  const n = sent++;
  const device = n % DEVICES.length;
  const payload = JSON.stringify({ t: 5, at: START + n });
  await devices[device]!.publishAsync(`clinic/${DEVICES[device]}`, payload, { qos: 1 }).then(
    () => void confirmed.push(n),
    () => {},
  );
}

const allConfirmedAreThere = () => {
  const there = new Set(inputs());
  return confirmed.every((n) => there.has(n));
};

beforeEach(async () => {
  folder = tempFolder('embedded-broker');
  disk = new FaultyDisk(folder.path);
  httpPort = await freePort();
  mqttPort = await freePort();
  sent = 0;
  confirmed = [];
  const started = await startRelay(folder.path);
  relay = started.program;
  relayUrl = started.url;
  startAgent();
  await until('the agent', 20_000, status);
  devices = await Promise.all(
    DEVICES.map((clientId) =>
      connectAsync(`mqtt://127.0.0.1:${mqttPort}`, { clientId, clean: false, reconnectPeriod: 100 }),
    ),
  );
});
afterEach(async () => {
  await Promise.all(devices.map((device) => device.endAsync(true)));
  await agent.kill();
  await relay.stop();
  folder.remove();
});

it('through kill -9 every message that was confirmed to a device is there, once', async () => {
  const waiting: Promise<void>[] = [];
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 60; i++) waiting.push(publish());
    const before = confirmed.length;
    await until('some confirmations', 10_000, () => confirmed.length > before);
    for (let i = 0; i < 60; i++) waiting.push(publish());
    await agent.kill();
    startAgent();
    await until('the agent', 20_000, status);
    await until('the devices', 20_000, () => devices.every((device) => device.connected));
  }
  await Promise.all(waiting);
  expect(confirmed.length).toBeGreaterThan(60);
  await until('all that was confirmed at the relay', 30_000, allConfirmedAreThere);
  expect(new Set(inputs()).size).toBe(inputs().length);
});

it('a confirmation waits for the card, and no longer; while the card refuses, memory will do', async () => {
  await publish();
  disk.behave({ slowMs: 1500 });
  const slow = Date.now();
  await publish();
  expect(Date.now() - slow).toBeGreaterThan(1400);
  disk.behave('well');
  await until('the card', 10_000, async () => (await status()).ring.waiting === 0);
  const alone = Date.now();
  await publish();
  expect(Date.now() - alone).toBeLessThan(1500);
  disk.behave('broken');
  await publish();
  const refused = Date.now();
  for (let i = 0; i < 50; i++) await publish();
  expect(Date.now() - refused).toBeLessThan(3000);
  disk.behave('well');
  expect(confirmed).toHaveLength(sent);
  await until('all at the relay', 30_000, allConfirmedAreThere);
});
