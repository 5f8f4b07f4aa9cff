import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ReadingMessage } from '../../core/contract/messages.js';
import { SystemClock } from '../../host/clock.js';
import { EmbeddedLog } from '../../relay/log/embedded/embedded.js';
import { until } from '../world/run/programs.js';
import { startRelay, type TestRelay } from '../world/run/relay.js';
import { type Service, startMosquitto, tempFolder } from '../world/run/services.js';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = tempFolder('relay-mqtt');
let broker: Service;
let relay: TestRelay;
let client: MqttClient;
let log: EmbeddedLog;
const begin = () =>
  startRelay(folder.path, {
    mqtt: [
      {
        name: 'north',
        url: `mqtt://${broker.address}`,
        topics: [
          { topic: 'sites/{clinic}/{sensor}', value: 'temp', time: { path: 'at', format: 'unix_ms' } },
        ],
      },
    ],
  });

beforeAll(async () => {
  broker = await startMosquitto();
  relay = await begin();
  client = await connectAsync(`mqtt://${broker.address}`);
  log = new EmbeddedLog(`${folder.path}/relay`, new SystemClock(), 86_400_000);
});
afterAll(async () => {
  await client?.endAsync();
  await log?.close();
  await relay?.program.stop();
  await broker?.stop();
  folder.remove();
});

async function readings(): Promise<ReadingMessage[]> {
  const found: ReadingMessage[] = [];
  await log.read(['iot.temperature'], 0, (records) => {
    found.push(...records.map(({ value }) => JSON.parse(value) as ReadingMessage));
  });
  return found;
}

it('readings of a broker without an agent arrive once each, across kill -9; what is no reading is kept', async () => {
  const started = Date.now();
  const send = (n: number) =>
    client.publishAsync('sites/hill/fridge-1', JSON.stringify({ temp: 4 + n / 100, at: started + n }), {
      qos: 1,
    });
  const connected = async () => {
    const text = await (await fetch(`${relay.url}/metrics`)).text();
    return text.includes('coldwatch_relay_events_total{source="mqtt/north"}');
  };
  await until('the relay', 10_000, connected);
  // A session that the broker keeps: from its first subscription on nothing is lost.
  await until('the subscription', 20_000, async () => {
    await send(0);
    return (await readings()).length > 0;
  });
  for (let n = 1; n <= 200; n++) {
    await send(n);
    if (n === 100) await relay.program.kill();
  }
  await client.publishAsync('sites/hill/fridge-1', '{"temp":"warm"}', { qos: 1 });
  relay = await begin();
  await until('all of them', 20_000, async () => (await readings()).length >= 201);
  for (let n = 201; n <= 220; n++) await send(n);
  await until('the last', 20_000, async () => (await readings()).length >= 221);
  const all = await readings();
  expect(all.map(({ measured_at }) => measured_at - started).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 221 }, (_, n) => n),
  );
  expect(new Set(all.map(({ seq }) => seq)).size).toBe(221);
  const text = await (await fetch(`${relay.url}/metrics`)).text();
  expect(text).toMatch(/coldwatch_relay_events_refused_total\{source="mqtt\/north"\} 1/);
  const letters = spawnSync(
    process.execPath,
    [CLI, 'relay', 'dead-letters', '--config', `${folder.path}/relay.yaml`, '--replay', 'all'],
    { encoding: 'utf8' },
  );
  expect([letters.status, letters.stdout]).toEqual([
    1,
    expect.stringMatching(/mqtt\/north {2}still refused: temp: got "warm", expected a number/),
  ]);
}, 120_000);
