import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postRows } from '../world/run/post-rows.js';
import { Program, until } from '../world/run/programs.js';
import { occurrences, readKafka } from '../world/run/read-log.js';
import { startRelay, type TestRelay } from '../world/run/relay.js';
import { type Service, startKafka, tempFolder } from '../world/run/services.js';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const PROGRESS = 'gateway.progress';
const TOPIC_RESOURCE = 2;
const folder = tempFolder('progress-lost');
let service: Service;
let kafka: Kafka;
let admin: Admin;
let relay: TestRelay;
beforeAll(async () => {
  service = await startKafka();
  kafka = new Kafka({ brokers: [service.address], logLevel: logLevel.NOTHING });
  admin = kafka.admin();
  await admin.connect();
  relay = await start();
});
afterAll(async () => {
  await relay?.program.kill();
  await admin?.disconnect();
  await service?.stop();
  folder.remove();
});

const start = () => startRelay(folder.path, { kafka: service.address, kafkaSettings: { lanes: 2 } });

const post = (gateway: string, from: number, to: number) => postRows(relay.url, gateway, from, to);
const gateways = ['one', 'two', 'three', 'four', 'five', 'six'];
const postAll = (from: number, to: number) => Promise.all(gateways.map((gateway) => post(gateway, from, to)));
const taken = gateways.map(() => 200);

const policy = (value: string) =>
  admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: TOPIC_RESOURCE, name: PROGRESS, configEntries: [{ name: 'cleanup.policy', value }] }],
  });

/** A start that must come to nothing: what it said, and its exit status. */
async function refusedStart(): Promise<{ status: number | null; said: string }> {
  const config = { data: `${folder.path}/relay`, kafka: { brokers: [service.address], lanes: 2 } };
  const before = readFileSync(`${folder.path}/relay.log`, 'utf8').length;
  const program = new Program('relay', { ...config, http: { host: '127.0.0.1', port: 0 } }, folder.path);
  await until('the relay to end', 30_000, () => !program.running);
  return {
    status: await program.stop(),
    said: readFileSync(`${folder.path}/relay.log`, 'utf8').slice(before),
  };
}

const acceptLoss = () =>
  spawnSync(
    process.execPath,
    [CLI, 'relay', 'topics', 'accept-loss', '--config', `${folder.path}/relay.yaml`],
    {
      encoding: 'utf8',
    },
  );

describe('gateway.progress', () => {
  it('with records that are none of ours opens like any other, and they are counted', async () => {
    expect(await postAll(1, 20)).toEqual(taken);
    await relay.program.kill();
    const producer = kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    const poison = [
      '{"gateway":',
      'null',
      '{"gateway":"one","epoch":"aaaa000000000000","stream":"readings","held":7}',
    ];
    const keys = ['x', 'one/aaaa000000000000/readings', 'one/closed'];
    await producer.send({
      topic: PROGRESS,
      messages: [0, 1].flatMap((partition) =>
        poison.flatMap((value) => keys.map((key) => ({ key, value, partition }))),
      ),
    });
    await producer.disconnect();
    relay = await start();
    expect(await postAll(11, 30)).toEqual(taken);
    const metrics = await (await fetch(`${relay.url}/metrics`)).text();
    expect(metrics).toContain('coldwatch_relay_progress_unreadable 18');
  });

  it.each([
    ['was deleted', 1001, async () => admin.deleteTopics({ topics: [PROGRESS] })],
    [
      'was emptied',
      2001,
      async () => {
        const ends = await admin.fetchTopicOffsets(PROGRESS);
        const partitions = ends.map(({ partition, high }) => ({ partition, offset: high }));
        // Kafka does not let one delete records of a topic that is only compacted.
        await policy('delete');
        await admin.deleteTopicRecords({ topic: PROGRESS, partitions });
        await policy('compact');
      },
    ],
  ])(
    'that %s keeps relays from starting, until someone accepts what that means',
    async (_how, from, lose) => {
      await relay.program.stop();
      await lose();
      const refused = await refusedStart();
      expect(refused.status).toBe(1);
      expect(refused.said).toMatch(/gateway\.progress: .* would go in a second time.* accept-loss/);
      expect((await refusedStart()).status).toBe(1);
      const accepted = acceptLoss();
      expect(accepted.stderr).toBe('');
      expect(accepted.status).toBe(0);
      relay = await start();
      expect(await postAll(from, from + 9)).toEqual(taken);
      await relay.program.stop();
      relay = await start();
      expect(await postAll(from, from + 9)).toEqual(taken);
      const counts = occurrences(readKafka(service.address, ['iot.temperature']));
      expect([...counts].filter(([, count]) => count > 1)).toEqual([]);
    },
  );
});
