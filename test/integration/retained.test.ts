import { readFileSync, writeFileSync } from 'node:fs';
import { connectAsync } from 'mqtt';
import { expect, it } from 'vitest';
import { until } from '../world/run/programs.js';
import { startMosquitto } from '../world/run/services.js';
import { mqttSensor, World } from '../world/world.js';

it('what a broker keeps, with its own time, is one reading, whatever restarts; later ones are taken', async () => {
  const mosquitto = await startMosquitto();
  const device = await connectAsync(`mqtt://${mosquitto.address}`);
  const world = await World.start({
    name: 'retained',
    agent: () => ({
      sensors: [mqttSensor('fridge', 'fridge', { dated: true })],
      mqtt: { url: `mqtt://${mosquitto.address}` },
    }),
  });
  const status = () => world.status();
  const say = (at: number) =>
    device.publishAsync('fridge', JSON.stringify({ t: 5, at }), { qos: 1, retain: true });
  const now = Date.now();
  const readings = async () => (await status()).ring.readings;
  /** A message that a broker keeps comes with the subscription: nothing says that it has been passed over. */
  const settled = () => new Promise((resolve) => setTimeout(resolve, 1500));
  try {
    await say(now);
    await until('the reading', 10_000, async () => (await readings()) === 1);
    await world.agent!.kill();
    await world.startAgent();
    await settled();
    expect(await readings()).toBe(1);
    const loaded = (await status()).site_file.loaded_at;
    const file = `${world.folder}/agent.yaml`;
    writeFileSync(file, `${readFileSync(file, 'utf8')}\n# changed\n`);
    await until('a reload', 20_000, async () => (await status()).site_file.loaded_at !== loaded);
    await settled();
    expect(await readings()).toBe(1);
    await world.agent!.stop();
    await say(now + 1000);
    await world.startAgent();
    await until('what was said meanwhile', 20_000, async () => (await readings()) === 2);
  } finally {
    await world.close();
    await device.endAsync(true);
    await mosquitto.stop();
  }
});
