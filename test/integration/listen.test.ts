import { readFileSync } from 'node:fs';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { type Service, startMosquitto, tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';

const BURST = 300;
const ALARM_MS = 3500;
const RSS_MAX_MB = 300;

let folder: ReturnType<typeof tempFolder>;
let agent: Program;
let mosquitto: Service | undefined;
let device: MqttClient;
let httpPort: number;
beforeEach(() => {
  folder = tempFolder('listen');
  mosquitto = undefined;
});
afterEach(async () => {
  await device?.endAsync(true);
  await agent.stop();
  await mosquitto?.stop();
  folder.remove();
});

const status = () => getJson<AgentStatus>(`http://127.0.0.1:${httpPort}/api/status`);
const fridge = async () => (await status()).sensors[0]!;

/** As the shipped example has it: sensors below a topic that is also listened to. */
async function start(broker: string): Promise<string> {
  httpPort = await freePort();
  const mqttPort = await freePort();
  if (broker === 'mosquitto') mosquitto = await startMosquitto();
  const url = mosquitto ? `mqtt://${mosquitto.address}` : `mqtt://127.0.0.1:${mqttPort}`;
  const rules = [{ kind: 'threshold', name: 'warm', side: 'above', limit: 8, dwell: '0s' }];
  agent = new Program(
    'agent',
    {
      clinic: { id: 'c', name: 'Listen' },
      gateway: 'gw',
      data: `${folder.path}/agent`,
      sensors: [
        {
          id: 'fridge',
          source: {
            kind: 'mqtt',
            topic: 'zigbee2mqtt/fridge',
            values: [{ quantity: 'temperature', unit: 'Cel', path: 't' }],
          },
          rules,
        },
      ],
      mqtt: { ...(mosquitto ? { url } : { embedded: { port: mqttPort } }), listen: ['zigbee2mqtt/#'] },
      http: { host: '127.0.0.1', port: httpPort },
    },
    folder.path,
  );
  device = await until('the broker', 20_000, () =>
    connectAsync(url, { reconnectPeriod: 0 }).catch(() => undefined),
  );
  await until('the subscription', 20_000, async () => {
    await device.publishAsync('zigbee2mqtt/fridge', '{"t":5}', { qos: 1 });
    return (await fridge()).good > 0;
  });
  return url;
}

describe.each(['the embedded broker', 'mosquitto'])('listening beside a sensor, on %s', (broker) => {
  it('gives each message of a burst once', async () => {
    await start(broker);
    const before = (await fridge()).good;
    await Promise.all(
      Array.from({ length: BURST }, (_, i) =>
        device.publishAsync('zigbee2mqtt/fridge', JSON.stringify({ t: 4 + i / 1000 }), { qos: 1 }),
      ),
    );
    await until('all of them', 15_000, async () => (await fridge()).good >= before + BURST);
    await device.publishAsync('zigbee2mqtt/stranger', '{"t":7}', { qos: 1 });
    const { unknown_sources } = await until('the stranger', 10_000, async () => {
      const now = await status();
      return now.unknown_sources.length > 0 ? now : undefined;
    });
    expect(unknown_sources.map(({ source }) => source)).toEqual(['mqtt zigbee2mqtt/stranger']);
    expect((await fridge()).good).toBe(before + BURST);
  });

  it.each([0, 1] as const)('a flood with QoS %s delays no alarm and takes no memory', async (qos) => {
    const flooder = await connectAsync(await start(broker));
    const payload = Buffer.alloc(200, '1');
    let flooding = true;
    let sent = 0;
    const flood = (async () => {
      while (flooding) {
        const batch = Array.from({ length: 200 }, (_, i) =>
          flooder.publishAsync(`zigbee2mqtt/other-${i % 100}`, payload, { qos }).catch(() => {}),
        );
        sent += batch.length;
        await Promise.all(batch);
      }
    })();
    try {
      await new Promise((resolve) => setTimeout(resolve, 8000));
      const began = Date.now();
      await device.publishAsync('zigbee2mqtt/fridge', '{"t":12}', { qos: 1 });
      await until('the alarm', 60_000, async () => (await status()).open_alerts.length > 0);
      expect(Date.now() - began).toBeLessThan(ALARM_MS);
      expect(sent).toBeGreaterThan(5000);
      const rss = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${agent.pid}/status`, 'utf8'))![1]) / 1024;
      expect(rss).toBeLessThan(RSS_MAX_MB);
    } finally {
      flooding = false;
      await flood;
      await flooder.endAsync(true);
    }
  });
});
