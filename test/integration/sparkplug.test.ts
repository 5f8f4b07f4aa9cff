import { readFileSync } from 'node:fs';
import { connectAsync } from 'mqtt';
import { expect, it } from 'vitest';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { startMosquitto, tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';

const cases = JSON.parse(
  readFileSync(new URL('../../device-configs/models/generic/sparkplug.cases.json', import.meta.url), 'utf8'),
) as { topic: string; hex: string }[];

it('an agent that comes after the BIRTH asks for it, and then reads aliases', async () => {
  const folder = tempFolder('sparkplug');
  const mosquitto = await startMosquitto();
  const node = await connectAsync(`mqtt://${mosquitto.address}`);
  const asked: string[] = [];
  await node.subscribeAsync('spBv1.0/clinics/NCMD/edge-1');
  node.on('message', (topic) => asked.push(topic));
  const port = await freePort();
  const [birth, data] = cases;
  const agent = new Program(
    'agent',
    {
      clinic: { id: 'c', name: 'C' },
      gateway: 'g',
      data: `${folder.path}/agent`,
      sensors: [{ id: 'fridge', model: 'generic/sparkplug', source: { kind: 'mqtt', topic: data!.topic } }],
      mqtt: { url: `mqtt://${mosquitto.address}` },
      http: { host: '127.0.0.1', port },
    },
    folder.path,
  );
  const sensor = async () => (await getJson<AgentStatus>(`http://127.0.0.1:${port}/api/status`)).sensors[0]!;
  try {
    await until('the agent', 20_000, sensor);
    const say = ({ topic, hex }: { topic: string; hex: string }) =>
      node.publishAsync(topic, Buffer.from(hex, 'hex'));
    await until('the request for a BIRTH', 10_000, async () => {
      await say(data!);
      return asked.length > 0;
    });
    expect((await sensor()).last_problem!.text).toMatch(/only an alias/);
    await say(birth!);
    await say(data!);
    await until(
      'the value behind the alias',
      5000,
      async () => (await sensor()).last.temperature?.value === -5.5,
    );
    expect((await sensor()).last.contact!.value).toBe(1);
  } finally {
    await agent.kill();
    await node.endAsync(true);
    await mosquitto.stop();
    folder.remove();
  }
});
