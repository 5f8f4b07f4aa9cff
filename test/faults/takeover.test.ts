import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeBatch } from '../../core/contract/batch.js';
import { W1Tree } from '../world/probes/w1.js';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { occurrences, readKafka } from '../world/run/read-log.js';
import { startRelay, type TestRelay } from '../world/run/relay.js';
import { type Service, startKafka, tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';

const EPOCH = 'aaaa000000000000';
const ROWS = 20;
/** From the death of a relay to the first batch of each of its gateways that the other one takes. */
const TAKEOVER_MS = 15_000;

let kafka: Service;
let folder: ReturnType<typeof tempFolder>;
let relays: TestRelay[];
beforeAll(async () => {
  kafka = await startKafka();
  folder = tempFolder('takeover');
  relays = await Promise.all(['a', 'b'].map(relayNamed));
});
afterAll(async () => {
  await Promise.all(relays.map(({ program }) => program.kill()));
  await kafka.stop();
  folder.remove();
});

const relayNamed = (name: string) => startRelay(`${folder.path}/${name}`, { kafka: kafka.address });

/** One try to store rows from `from` on: "ok", the url of another relay, or nothing when it cannot be taken now. */
async function post(url: string, gateway: string, from: number): Promise<string | undefined> {
  const rows = Array.from({ length: ROWS }, (_, i) => ({
    sensor: 's',
    quantity: 'temperature' as const,
    measuredAt: 1_770_000_000_000 + (from + i) * 60_000,
    estimated: false,
    milli: 5000,
    quality: 0,
  }));
  const head = { clinic: 'c', gateway, epoch: EPOCH, from, to: from + ROWS - 1, backfill: false };
  try {
    const response = await fetch(`${url}/v1/gateways/${gateway}/batches`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(encodeBatch({ ...head, stream: 'readings', rows })),
      signal: AbortSignal.timeout(2000),
    });
    if (response.status === 200) return 'ok';
    if (response.status === 421) return ((await response.json()) as { url: string }).url;
  } catch {
    // Gone, or silent: tried again.
  }
  return undefined;
}

describe('two relays on one Kafka', () => {
  it('send gateways to each other; one that dies is replaced within 15 s; nothing is stored twice', async () => {
    const gateways = Array.from({ length: 12 }, (_, i) => `gw-${i}`);
    const [a, b] = [relays[0]!.url, relays[1]!.url];
    await until('both to serve lanes', 30_000, async () => {
      const answers = await Promise.all(gateways.map((gateway) => post(a, gateway, 1)));
      return answers.includes('ok') && answers.includes(b);
    });
    const owners = await Promise.all(gateways.map((gateway) => post(a, gateway, 1)));
    for (const [i, gateway] of gateways.entries()) {
      if (owners[i] !== 'ok') expect(await post(owners[i]!, gateway, 1)).toBe('ok');
    }
    const killed = performance.now();
    await relays[1]!.program.kill();
    await Promise.all(
      gateways.map((gateway) =>
        until(
          `${gateway} at the relay that is left`,
          30_000,
          async () => (await post(a, gateway, 11)) === 'ok',
        ),
      ),
    );
    expect(performance.now() - killed).toBeLessThan(TAKEOVER_MS);
    const counts = occurrences(readKafka(kafka.address, ['iot.temperature']));
    expect(counts.size).toBe(gateways.length * 30);
    expect([...counts].filter(([, count]) => count > 1)).toEqual([]);
  });

  it('an agent that knows one of them reaches the other, and comes home when that one dies', async () => {
    relays[1] = await relayNamed('b');
    const [home, other] = [relays[0]!.url, relays[1]!.url];
    const gateway = await until('a gateway of the other relay', 30_000, async () => {
      for (let i = 0; i < 12; i++) if ((await post(home, `agent-${i}`, 1)) === other) return `agent-${i}`;
      return undefined;
    });
    const httpPort = await freePort();
    const w1 = new W1Tree(`${folder.path}/w1`);
    w1.set('28-0000000000ff', 5);
    const site = {
      clinic: { id: 'c', name: 'Takeover' },
      gateway,
      data: `${folder.path}/agent`,
      sensors: [
        { id: 's', model: 'maxim/ds18b20', source: { kind: 'w1', rom: '28-0000000000ff' }, every: '1s' },
      ],
      gpio: { w1_root: w1.root },
      ring: { flush: '200ms' },
      relay: { url: home, every: '500ms', deadline: '2s', backoff_max: '1s' },
      http: { host: '127.0.0.1', port: httpPort },
    };
    const agent = new Program('agent', site, folder.path);
    try {
      const status = () => getJson<AgentStatus>(`http://127.0.0.1:${httpPort}/api/status`);
      const delivered = (readings: number) =>
        until(`${readings} readings at a relay`, 30_000, async () => {
          const { ring, relay } = await status();
          const there = relay.connected && relay.backlog < 10 && ring.readings >= readings;
          return there ? ring.readings : 0;
        });
      const before = await delivered(4);
      await relays[1]!.program.kill();
      await delivered(before + 15);
    } finally {
      await agent.stop();
    }
    const seen = readKafka(kafka.address, ['iot.temperature']).filter(
      ({ message }) => message.gateway === gateway && message.epoch !== EPOCH,
    );
    expect(seen.length).toBeGreaterThan(10);
    expect([...occurrences(seen)].filter(([, count]) => count > 1)).toEqual([]);
  });
});
