import { readFileSync, writeFileSync } from 'node:fs';
import { connectAsync } from 'mqtt';
import { expect, it } from 'vitest';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { startMosquitto, tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';

it('what a broker keeps, with its own time, is one reading, whatever restarts; later ones are taken', async () => {
  const folder = tempFolder('retained');
  const mosquitto = await startMosquitto();
  const device = await connectAsync(`mqtt://${mosquitto.address}`);
  const httpPort = await freePort();
  const site = {
    clinic: { id: 'c', name: 'C' },
    gateway: 'g',
    data: `${folder.path}/agent`,
    sensors: [
      {
        id: 'fridge',
        source: {
          kind: 'mqtt',
          topic: 'fridge',
          values: [{ quantity: 'temperature', unit: 'Cel', path: 't' }],
          time: { path: 'at', format: 'unix_ms' },
        },
      },
    ],
    mqtt: { url: `mqtt://${mosquitto.address}` },
    ring: { flush: '50ms' },
    http: { host: '127.0.0.1', port: httpPort },
  };
  const status = () => getJson<AgentStatus>(`http://127.0.0.1:${httpPort}/api/status`);
  const say = (at: number) =>
    device.publishAsync('fridge', JSON.stringify({ t: 5, at }), { qos: 1, retain: true });
  const now = Date.now();
  let agent = new Program('agent', site, folder.path);
  const readings = async () => (await status()).ring.readings;
  /** A message that a broker keeps comes with the subscription: nothing says that it has been passed over. */
  const settled = () => new Promise((resolve) => setTimeout(resolve, 1500));
  try {
    await until('the agent', 20_000, status);
    await say(now);
    await until('the reading', 10_000, async () => (await readings()) === 1);
    await agent.kill();
    agent = new Program('agent', site, folder.path);
    await until('the agent again', 20_000, status);
    await settled();
    expect(await readings()).toBe(1);
    const loaded = (await status()).site_file.loaded_at;
    const file = `${folder.path}/agent.yaml`;
    writeFileSync(file, `${readFileSync(file, 'utf8')}\n# changed\n`);
    await until('a reload', 20_000, async () => (await status()).site_file.loaded_at !== loaded);
    await settled();
    expect(await readings()).toBe(1);
    await agent.stop();
    await say(now + 1000);
    agent = new Program('agent', site, folder.path);
    await until('what was said meanwhile', 20_000, async () => (await readings()) === 2);
  } finally {
    await agent.kill();
    await device.endAsync(true);
    await mosquitto.stop();
    folder.remove();
  }
});
