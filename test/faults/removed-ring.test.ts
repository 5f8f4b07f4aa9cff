import { readdirSync, rmSync } from 'node:fs';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort, until } from '../world/run/programs.js';
import { mqttSensor, World } from '../world/world.js';

/* Somebody removes the ring's files, or the whole data folder. */
const START = Date.UTC(2026, 0, 1);
let world: World;
let data: string;
let device: MqttClient;
let sent: number;

const status = () => world.status();
const records = () => world.records();
const inputs = () => world.readings().map(({ message }) => (message.measured_at as number) - START);

async function startAgent(): Promise<void> {
  await world.startAgent();
  await until('the device', 10_000, () => device.connected);
}

async function publish(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await device.publishAsync('clinic/a', JSON.stringify({ t: 5, at: START + sent++ }), { qos: 1 });
  }
}

beforeEach(async () => {
  const port = await freePort();
  sent = 0;
  world = await World.start({
    name: 'removed-ring',
    relay: {},
    link: true,
    agent: () => ({
      sensors: [mqttSensor('a', 'clinic/a', { dated: true })],
      mqtt: { embedded: { host: '127.0.0.1', port } },
      ring: { flush: '100ms' },
      relay: { every: '1s', backoff_max: '2s' },
    }),
  });
  data = `${world.folder}/agent`;
  device = await connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 100 });
});
afterEach(async () => {
  await device.endAsync(true);
  await world.close();
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
      world.link!.cut();
      await publish(30);
      const { epoch } = (await status()).ring;
      removals[what]!();
      await publish(3);
      await until('word of it', 10_000, async () =>
        (await status()).open_alerts.some(({ summary }) => summary.includes('were removed')),
      );
      await until('all on the card', 10_000, async () => (await status()).ring.waiting === 0);
      await world.agent!.kill();
      world.link!.up();
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
  await world.agent!.stop();
  rmSync(data, { recursive: true });
  await startAgent();
  await until('word of it', 10_000, () =>
    records().some(({ message }) => message.rule === 'ring-vanished' && message.state === 'raised'),
  );
  await until('a gap', 10_000, () => records().some(({ message }) => message.type === 'gap'));
  await world.agent!.stop();
  await startAgent();
  await until('its end', 10_000, () =>
    records().some(({ message }) => message.rule === 'ring-vanished' && message.state === 'cleared'),
  );
  expect(records().filter(({ message }) => message.type === 'gap')).toHaveLength(1);
});
