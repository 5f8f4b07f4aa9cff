import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeBatch } from '../../core/contract/batch.js';
import type { ReadingMessage } from '../../core/contract/messages.js';
import { kcat } from '../world/run/kcat.js';
import { freePort, getJson, until } from '../world/run/programs.js';
import { startRelay, type TestRelay } from '../world/run/relay.js';
import { type Service, startKafka, tempFolder } from '../world/run/services.js';

const ACCESS = { username: 'streams', password: 'a-password-of-streams' };
const TOKEN = 'a-token-of-the-till';
const header = { authorization: `Basic ${Buffer.from('streams:a-password-of-streams').toString('base64')}` };
const v1 = { type: 'record', name: 'Thing', fields: [{ name: 'a', type: 'long' }] };
const v2 = { ...v1, fields: [...v1.fields, { name: 'b', type: ['null', 'string'], default: null }] };
const bad = { ...v1, fields: [...v1.fields, { name: 'c', type: 'string' }] };

let kafka: Service;
beforeAll(async () => {
  kafka = await startKafka();
});
afterAll(() => kafka?.stop());

describe.each(['embedded', 'kafka'])('the relay’s schema registry, with the %s log', (kind) => {
  const folder = tempFolder('registry');
  let relay: TestRelay;
  const begin = () =>
    startRelay(folder.path, { registry: ACCESS, kafka: kind === 'kafka' ? kafka.address : undefined });
  const client = () => new SchemaRegistry({ host: `${relay.url}/registry`, auth: ACCESS });
  const call = async (method: string, path: string, body?: object) => {
    const answer = await fetch(`${relay.url}/registry${path}`, {
      method,
      headers: { ...header, 'content-type': 'application/vnd.schemaregistry.v1+json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return [answer.status, (await answer.json()) as unknown] as const;
  };
  beforeAll(async () => {
    relay = await begin();
  });
  afterAll(async () => {
    await relay.program.stop();
    folder.remove();
  });

  it('serves kafkajs’s client, keeps what was registered across kill -9, and refuses what would break readers', async () => {
    const schema = (of: object) => ({ type: SchemaType.AVRO as const, schema: JSON.stringify(of) });
    const { id } = await client().register(schema(v1), { subject: 'things-value' });
    expect(await client().register(schema(v1), { subject: 'things-value' })).toEqual({ id });
    const again = await client().register(schema(v1), { subject: 'others-value' });
    expect(again.id).toBe(id);
    const encoded = await client().encode(id, { a: 7 });
    expect({ ...(await client().decode(encoded)) }).toEqual({ a: 7 });
    await relay.program.kill();
    relay = await begin();
    const second = await client().register(schema(v2), { subject: 'things-value' });
    expect(second.id).toBeGreaterThan(id);
    await expect(client().register(schema(bad), { subject: 'things-value' })).rejects.toThrow(
      /not backward compatible with version 2/,
    );
    expect({ ...(await client().decode(encoded)) }).toEqual({ a: 7 });
    expect(await client().getLatestSchemaId('things-value')).toBe(second.id);
    expect(await call('GET', '/subjects')).toEqual([200, ['things-value', 'others-value']]);
    expect(await call('GET', '/subjects/things-value/versions')).toEqual([200, [1, 2]]);
    expect((await call('POST', '/subjects/things-value', { schema: JSON.stringify(v2) }))[1]).toMatchObject({
      id: second.id,
      version: 2,
    });
    const verdict = await call('POST', '/compatibility/subjects/things-value/versions/latest', {
      schema: JSON.stringify(bad),
    });
    expect(verdict[1]).toMatchObject({ is_compatible: false });
    const text = await (await fetch(`${relay.url}/metrics`)).text();
    expect(text).toMatch(/^coldwatch_relay_schemas 3$/m);
    expect(text).toMatch(/^coldwatch_relay_schemas_refused_total 1$/m);
  });

  it.each([
    ['GET', '/subjects/nothing/versions', undefined, 404, 40401],
    ['GET', '/subjects/things-value/versions/9', undefined, 404, 40402],
    ['GET', '/schemas/ids/99', undefined, 404, 40403],
    ['POST', '/subjects/x/versions', { schema: '{"type":"nonsense"}' }, 422, 42201],
    ['POST', '/subjects/x/versions', { schema: '{}', schemaType: 'PROTOBUF' }, 422, 42201],
    ['PUT', '/config/x', { compatibility: 'NONE' }, 422, 42203],
  ] as const)('%s %s is answered as Confluent’s would', async (method, path, body, status, error_code) => {
    expect(await call(method, path, body)).toMatchObject([status, { error_code }]);
  });

  it('lets nobody in without its password', async () => {
    expect((await fetch(`${relay.url}/registry/subjects`)).status).toBe(401);
  });
});

it('of two relays that share a Kafka either takes schemas, and both have them', async () => {
  const folders = [tempFolder('registry-a'), tempFolder('registry-b')];
  const relays = await Promise.all(
    folders.map(({ path }) => startRelay(path, { registry: ACCESS, kafka: kafka.address })),
  );
  try {
    const clients = relays.map(({ url }) => new SchemaRegistry({ host: `${url}/registry`, auth: ACCESS }));
    const schema = (name: string) => ({
      type: SchemaType.AVRO as const,
      schema: JSON.stringify({ ...v1, name }),
    });
    const ids = await Promise.all(
      clients.map((client, i) => client.register(schema(`Of${i}`), { subject: `of-${i}-value` })),
    );
    expect(ids[0]!.id).not.toBe(ids[1]!.id);
    for (const client of clients) {
      for (const [i, { id }] of ids.entries()) {
        await until('the schema at the other relay', 10_000, async () => {
          const found = await client.getLatestSchemaId(`of-${i}-value`).catch(() => undefined);
          return found === id;
        });
      }
    }
  } finally {
    for (const { program } of relays) await program.stop();
    for (const folder of folders) folder.remove();
  }
}, 120_000);

/** One reading of the gateway `gw-avro`. */
async function sendReading(relayUrl: string, seq: number, measuredAt: number): Promise<void> {
  const body = encodeBatch({
    clinic: 'avro',
    gateway: 'gw-avro',
    epoch: '00000000000000aa',
    from: seq,
    to: seq,
    backfill: false,
    stream: 'readings',
    rows: [{ sensor: 'f', quantity: 'temperature', measuredAt, estimated: false, milli: 4250, quality: 0 }],
  });
  const sent = await fetch(`${relayUrl}/v1/gateways/gw-avro/batches`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(sent.status).toBe(200);
}

/** What others write stops no reader: a schema that nobody registered, bytes that are no Avro of theirs, nothing at all. */
async function writeStrange(reading: Buffer): Promise<void> {
  const producer = new Kafka({ brokers: [kafka.address], logLevel: logLevel.NOTHING }).producer({
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  const strange = [[0, 0, 0, 9, 9, 1, 2], [...reading.subarray(0, 5), 255, 255, 255], [0, 1], [7], []];
  const messages = strange.map((bytes) => ({ key: 'avro/f', value: Buffer.from(bytes) }));
  await producer.send({ topic: 'iot.temperature', messages });
  await producer.disconnect();
}

it('with a registry, records stand in Kafka as Avro that others read, and the relay reads them back', async () => {
  const folder = tempFolder('avro');
  const port = await freePort();
  // The registry is this very relay's.
  const registry = { url: `http://127.0.0.1:${port}/registry`, ...ACCESS };
  const relay = await startRelay(folder.path, {
    port,
    registry: ACCESS,
    kafka: kafka.address,
    kafkaRegistry: registry,
    archive: {},
    sources: { tokens: [{ token: TOKEN, scopes: ['pos'] }] },
  });
  try {
    const sale = {
      clinic: 'avro',
      sku: 'MMR-10',
      quantity: 2,
      unit_price: 12.5,
      currency: 'KES',
      sold_at: Date.now(),
      event_id: 'avro-1',
    };
    const posted = await fetch(`${relay.url}/v1/sources/pos/sales`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify(sale),
    });
    expect(await posted.json()).toMatchObject({ accepted: 1 });
    const at = Date.now();
    await sendReading(relay.url, 1, at);

    const raw = (topic: string) => kcat(kafka.address, topic, '-D', '');
    const theirs = new SchemaRegistry({ host: registry.url, auth: ACCESS });
    const reading = await until('the reading', 10_000, () => {
      const bytes = raw('iot.temperature');
      return bytes.length > 0 ? bytes : undefined;
    });
    expect(reading[0]).toBe(0);
    const decoded = (await theirs.decode(reading)) as ReadingMessage & { reason: null };
    expect(decoded).toMatchObject({ clinic: 'avro', value: 4.25, measured_at: at, reason: null });
    expect({ ...((await theirs.decode(raw('pos.sales'))) as object) }).toEqual(sale);

    await writeStrange(reading);
    await sendReading(relay.url, 2, at + 1);

    // Whoever reads through the relay sees JSON, as before.
    const url = `${relay.url}/v1/history/readings?clinic=avro&from=${new Date(at - 1000).toISOString()}&to=${new Date(at + 1000).toISOString()}`;
    const history = await until('the archive', 20_000, async () => {
      const { readings } = await getJson<{ readings: unknown[] }>(url);
      return readings.length === 2 ? readings : undefined;
    });
    expect(history[0]).toMatchObject({ sensor: 'f', value: 4.25 });
  } finally {
    await relay.program.stop();
    folder.remove();
  }
}, 120_000);
