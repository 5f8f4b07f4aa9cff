import { createServer } from 'node:net';
import { connectAsync } from 'mqtt';
import { expect, it } from 'vitest';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';

it('a broker whose port was taken starts once the port is free; until then health says so, and an alarm', async () => {
  const folder = tempFolder('starts');
  const [httpPort, mqttPort] = [await freePort(), await freePort()];
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(mqttPort, '127.0.0.1', resolve));
  const values = [{ quantity: 'temperature', unit: 'Cel', path: 't' }];
  const agent = new Program(
    'agent',
    {
      clinic: { id: 'c', name: 'C' },
      gateway: 'g',
      data: `${folder.path}/agent`,
      sensors: [{ id: 'fridge', source: { kind: 'mqtt', topic: 'fridge', values } }],
      mqtt: { embedded: { port: mqttPort } },
      http: { host: '127.0.0.1', port: httpPort },
    },
    folder.path,
  );
  const at = (path: string) => `http://127.0.0.1:${httpPort}${path}`;
  const status = () => getJson<AgentStatus>(at('/api/status'));
  const health = async () => {
    const response = await fetch(at('/healthz'));
    return [response.status, ((await response.json()) as { why?: string }).why];
  };
  try {
    await until('the agent', 20_000, status);
    expect(await health()).toEqual([
      503,
      expect.stringMatching(/^MQTT has not started: another program has the port 127.0.0.1:\d+: /),
    ]);
    expect((await status()).not_started.map(({ name }) => name)).toEqual(['MQTT']);
    await until('the alarm', 30_000, async () =>
      (await status()).open_alerts.some(({ summary }) => /MQTT does not start/.test(summary)),
    );
    await new Promise<void>((resolve) => squatter.close(() => resolve()));
    const device = await until('the broker', 40_000, () =>
      connectAsync(`mqtt://127.0.0.1:${mqttPort}`, { reconnectPeriod: 0 }).catch(() => undefined),
    );
    await until('a reading', 10_000, async () => {
      await device.publishAsync('fridge', '{"t":5}', { qos: 1 });
      return (await status()).sensors[0]!.good > 0;
    });
    await device.endAsync(true);
    expect([await health(), (await status()).open_alerts, (await status()).not_started]).toEqual([
      [200, undefined],
      [],
      [],
    ]);
  } finally {
    await agent.stop();
    squatter.close();
    folder.remove();
  }
});
