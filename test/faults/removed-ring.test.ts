import { readdirSync, rmSync } from 'node:fs';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FlakyLink } from '../world/faults/proxy.js';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { readEmbedded } from '../world/run/read-log.js';
import { startRelay } from '../world/run/relay.js';
import { tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';

/* Somebody removes the ring's files, or the whole data folder. */
const START = Date.UTC(2026, 0, 1);
let folder: ReturnType<typeof tempFolder>;
let data: string;
let relay: Program;
let link: FlakyLink;
let agent: Program;
let device: MqttClient;
let httpPort: number;
let mqttPort: number;
let sent: number;

const status = () => getJson<AgentStatus>(`http://127.0.0.1:${httpPort}/api/status`);
const records = () => readEmbedded(`${folder.path}/relay`);
const inputs = () =>
  records()
    .filter(({ topic }) => topic === 'iot.temperature')
    .map(({ message }) => (message.measured_at as number) - START);

async function startAgent(): Promise<void> {
  const source = {
    kind: 'mqtt',
    topic: 'clinic/a',
    values: [{ quantity: 'temperature', unit: 'Cel', path: 't' }],
    time: { path: 'at', format: 'unix_ms' },
  };
  const site = {
    clinic: { id: 'c', name: 'Clinic' },
    gateway: 'g',
    data,
    sensors: [{ id: 'a', source }],
    mqtt: { embedded: { host: '127.0.0.1', port: mqttPort } },
    ring: { flush: '100ms' },
    relay: { url: `http://127.0.0.1:${link.port}`, every: '1s', backoff_max: '2s' },
    http: { host: '127.0.0.1', port: httpPort },
  };
  agent = new Program('agent', site, folder.path);
  await until('the agent', 20_000, status);
  device ??= await connectAsync(`mqtt://127.0.0.1:${mqttPort}`, { reconnectPeriod: 100 });
  await until('the device', 10_000, () => device.connected);
}

async function publish(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await device.publishAsync('clinic/a', JSON.stringify({ t: 5, at: START + sent++ }), { qos: 1 });
  }
}

beforeEach(async () => {
  folder = tempFolder('removed-ring');
  data = `${folder.path}/data`;
  httpPort = await freePort();
  mqttPort = await freePort();
  sent = 0;
  const started = await startRelay(folder.path);
  relay = started.program;
  link = await new FlakyLink('127.0.0.1', started.port).listen();
  await startAgent();
});
afterEach(async () => {
  await device.endAsync(true);
  device = undefined as unknown as MqttClient;
  await agent.kill();
  await relay.stop();
  await link.close();
  folder.remove();
});

const removals: Record<string, () => void> = {
  'the whole folder': () => rmSync(data, { recursive: true }),
  'all files of the ring': () => {
    for (const name of readdirSync(data)) if (name.startsWith('ring.db')) rmSync(`${data}/${name}`);
  },
  'its file alone': () => rmSync(`${data}/ring.db`),
  'its log alone': () => rmSync(`${data}/ring.db-wal`),
};

describe('under a running agent', () => {
  it.each(Object.keys(removals))(
    '%s: it is said, and all that was kept is there after kill -9',
    async (what) => {
      link.cut();
      await publish(30);
      const { epoch } = (await status()).ring;
      removals[what]!();
      await publish(3);
      await until('word of it', 10_000, async () =>
        (await status()).open_alerts.some(({ summary }) => summary.includes('were removed')),
      );
      await until('all on the card', 10_000, async () => (await status()).ring.waiting === 0);
      await agent.kill();
      link.up();
      await startAgent();
      expect((await status()).ring.epoch).toBe(epoch);
      await publish(3);
      await until('all at the relay', 20_000, () => new Set(inputs()).size === sent);
      expect(inputs().length).toBe(sent);
    },
  );
});

it('a data folder that is gone at the start: the relay knows better, and it is said', async () => {
  await publish(5);
  await until('all at the relay', 20_000, () => new Set(inputs()).size === sent);
  await agent.stop();
  rmSync(data, { recursive: true });
  await startAgent();
  await until('word of it', 10_000, () =>
    records().some(({ message }) => message.rule === 'ring-vanished' && message.state === 'raised'),
  );
  await until('a gap', 10_000, () => records().some(({ message }) => message.type === 'gap'));
  await agent.stop();
  await startAgent();
  await until('its end', 10_000, () =>
    records().some(({ message }) => message.rule === 'ring-vanished' && message.state === 'cleared'),
  );
  expect(records().filter(({ message }) => message.type === 'gap')).toHaveLength(1);
});
