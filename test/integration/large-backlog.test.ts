import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BATCH_ROWS_MAX, type Batch, encodeBatch } from '../../core/contract/batch.js';
import type { RingEvent } from '../../core/contract/messages.js';
import { generator } from '../../core/random.js';
import { kcatLines } from '../world/run/kcat.js';
import { freePort } from '../world/run/programs.js';
import { startRelay, type TestRelay } from '../world/run/relay.js';
import { type Service, startKafka, tempFolder } from '../world/run/services.js';

/*
 * One fridge, a week offline, one partition: the largest that one key can bring at once. Names are as long as they may
 * be. Topics take less than brokers do by default, from the start or from one moment to the next.
 */
const ACCESS = { username: 'relay', password: 'a-password-of-relays' };
const WEEK = 10_080;
const LONGEST = 'x'.repeat(62);
const TOPIC_RESOURCE = 2;
const folder = tempFolder('large-backlog');
let kafka: Service;
let relay: TestRelay;
beforeAll(async () => {
  kafka = await startKafka();
});
afterAll(async () => {
  await relay?.program.stop();
  await kafka?.stop();
  folder.remove();
});

async function start(avro: boolean): Promise<void> {
  await relay?.program.stop();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/registry`;
  relay = await startRelay(folder.path, {
    port,
    kafka: kafka.address,
    kafkaSettings: { partitions: 1, lanes: 1 },
    ...(avro ? { registry: ACCESS, kafkaRegistry: { url, ...ACCESS } } : {}),
  });
}

/** What a topic takes at once from now on. */
async function limit(topic: string, bytes: number): Promise<void> {
  const admin = new Kafka({ brokers: [kafka.address], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const configEntries = [{ name: 'max.message.bytes', value: String(bytes) }];
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: TOPIC_RESOURCE, name: topic, configEntries }],
  });
  await admin.disconnect();
}

async function post(batch: Batch): Promise<number> {
  const response = await fetch(`${relay.url}/v1/gateways/${batch.gateway}/batches`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(encodeBatch(batch)),
  });
  await response.text();
  return response.status;
}

/** A week of one fridge in batches as large as the wire takes, all at once. */
async function postWeek(gateway: string): Promise<number[]> {
  const starts = Array.from({ length: Math.ceil(WEEK / BATCH_ROWS_MAX) }, (_, i) => 1 + i * BATCH_ROWS_MAX);
  return Promise.all(
    starts.map((from) => {
      const to = Math.min(WEEK, from + BATCH_ROWS_MAX - 1);
      const rows = Array.from({ length: to - from + 1 }, (_, i) => ({
        sensor: `s${LONGEST}`,
        quantity: 'temperature' as const,
        measuredAt: 1_770_000_000_000 + (from + i) * 60_000,
        estimated: false,
        // Hardly compressible: the sums must hold without compression's help.
        milli: ((from + i) * 7919) % 40_000,
        quality: 0,
      }));
      const head = { clinic: `c${LONGEST}`, gateway, epoch: 'aaaa000000000000', from, to, backfill: true };
      return post({ ...head, stream: 'readings', rows });
    }),
  );
}

const seqsOf = (topic: string, gateway: string) =>
  kcatLines(kafka.address, topic, '-f', '%h\n')
    .filter((headers) => headers.includes(`gateway=${gateway}`))
    .map((headers) => Number(/seq=(\d+)/.exec(headers)![1]))
    .sort((a, b) => a - b);
const all = Array.from({ length: WEEK }, (_, i) => i + 1);

describe.each([
  ['JSON', false],
  ['Avro', true],
])('a week of one fridge as %s', (kind, avro) => {
  const named = (what: string) => `${kind.toLowerCase()}-${what}-${LONGEST}`.slice(0, 63);
  beforeAll(() => start(avro));

  it('goes in at Kafka’s default limits', async () => {
    expect(await postWeek(named('default'))).toEqual([200, 200, 200]);
    expect(seqsOf('iot.temperature', named('default'))).toEqual(all);
  });

  it('goes in where the topic’s limit became 100 kB a moment ago, and where it was so at the start', async () => {
    await limit('iot.temperature', 100_000);
    await limit('gateway.progress', 100_000);
    expect(await postWeek(named('new-limit'))).toEqual([200, 200, 200]);
    expect(seqsOf('iot.temperature', named('new-limit'))).toEqual(all);
    await start(avro);
    expect(await postWeek(named('old-limit'))).toEqual([200, 200, 200]);
    expect(seqsOf('iot.temperature', named('old-limit'))).toEqual(all);
    await limit('iot.temperature', 1_048_588);
    await limit('gateway.progress', 1_048_588);
  });
});

describe('a row that alone is too large for its topic', () => {
  const gateway = 'gw-large-row';
  const event = (detail: string): RingEvent => ({
    type: 'audit',
    audit: { action: 'test', at: '2026-01-01T00:00:00Z', detail },
  });
  const events = (from: number, details: string[]) =>
    post({
      clinic: 'c',
      gateway,
      epoch: 'bbbb000000000000',
      from,
      to: from + details.length - 1,
      backfill: false,
      stream: 'events',
      rows: details.map(event),
    });

  it('is refused for good, by itself, and the rows beside it go in', async () => {
    await start(false);
    await limit('gateway.audit', 520);
    // 400 bytes that no compression makes fewer.
    const random = generator(1);
    const large = Array.from({ length: 400 }, () => String.fromCharCode(48 + Math.floor(random() * 70))).join(
      '',
    );
    expect(await events(1, ['small', large, 'small'])).toBe(413);
    expect(await events(1, ['small'])).toBe(200);
    expect(await events(2, [large])).toBe(413);
    // A neighbour in the same transaction is none the worse.
    const both = await Promise.all([events(2, [large]), events(3, ['small']), postWeek('gw-neighbour')]);
    expect(both).toEqual([413, 200, [200, 200, 200]]);
    expect(seqsOf('gateway.audit', gateway)).toEqual([1, 3]);
    expect(seqsOf('iot.temperature', 'gw-neighbour')).toEqual(all);
  });
});
