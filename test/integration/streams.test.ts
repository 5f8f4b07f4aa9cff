import { afterAll, expect, it } from 'vitest';
import { alertMessageSchema } from '../../core/contract/messages.js';
import { type Finding, type SensorAggregate, STREAM_TOPICS } from '../../core/contract/streams.js';
import { SystemClock } from '../../host/clock.js';
import { EmbeddedLog } from '../../relay/log/embedded/embedded.js';
import type { LogRecord, LogTopic } from '../../relay/log/port.js';
import { until } from '../world/run/programs.js';
import { startRelay } from '../world/run/relay.js';
import { tempFolder } from '../world/run/services.js';

const folder = tempFolder('streams');
const TOKEN = 'a-token-of-the-store';
const SOURCES = { tokens: [{ token: TOKEN, scopes: ['erp'] }], reorder: { 'MMR-10': 20 } };
afterAll(() => folder.remove());

const records = async (log: EmbeddedLog, topic: LogTopic) => {
  const found: string[] = [];
  await log.read([topic], 0, (some) => void found.push(...some.map(({ value }) => value)));
  return found;
};

const EPOCH = '00000000000000aa';

/** In the five minutes of `now`, ms. */
const readingAt = (now: number, seq: number, value: number): LogRecord => ({
  topic: 'iot.temperature',
  key: 'c/fridge-1',
  value: JSON.stringify({
    clinic: 'c',
    gateway: 'g',
    sensor: 'fridge-1',
    quantity: 'temperature',
    value,
    unit: 'Cel',
    measured_at: now - (now % 300_000) + seq,
    time_quality: 'synchronised',
    quality: 'good',
    epoch: EPOCH,
    seq,
    backfill: false,
  }),
  headers: {},
  timestamp: now,
});

const postStock = (relayUrl: string, event_id: string, on_hand: number) =>
  fetch(`${relayUrl}/v1/sources/erp/inventory`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({
      clinic: 'c',
      sku: 'MMR-10',
      delta: -1,
      on_hand,
      changed_at: Date.now(),
      event_id,
    }),
  });

it('a relay without Kafka computes streams itself, corrects what comes late, and tells nothing twice after kill -9', async () => {
  let relay = await startRelay(folder.path, { sources: SOURCES });
  const log = new EmbeddedLog(`${folder.path}/relay`, new SystemClock(), 86_400_000);
  const stock = (id: string, onHand: number) => postStock(relay.url, id, onHand);
  const now = Date.now();
  const reading = (seq: number, value: number) => readingAt(now, seq, value);
  await stock('i-1', 12);
  await log.append({
    gateway: 'g',
    epoch: EPOCH,
    stream: 'readings',
    from: 1,
    records: [reading(1, 4), reading(2, 10)],
  });
  const finding = await until(
    'a finding',
    10_000,
    async () => (await records(log, STREAM_TOPICS.findings))[0],
  );
  expect(JSON.parse(finding) as Finding).toMatchObject({
    kind: 'stock_low',
    subject: 'MMR-10',
    value: 12,
    threshold: 20,
  });
  const alerts = async () =>
    (await records(log, 'alerts')).map((text) => {
      const alert = alertMessageSchema.parse(JSON.parse(text));
      return `${alert.seq} ${alert.gateway} ${alert.rule} ${alert.state} ${alert.sensor}`;
    });
  await until('an alert', 10_000, async () => (await alerts()).length === 1);
  const last = async () =>
    JSON.parse((await records(log, STREAM_TOPICS.sensor5m)).at(-1) ?? '{}') as SensorAggregate;
  await until('the aggregate', 10_000, async () => (await last()).count === 2);
  expect(await last()).toMatchObject({ min: 4, max: 10, mean: 7, seconds_covered: 60, seconds_outside: 0 });

  await relay.program.kill();
  relay = await startRelay(folder.path, { sources: SOURCES });
  await log.append({ gateway: 'g', epoch: EPOCH, stream: 'readings', from: 3, records: [reading(3, 7)] });
  await stock('i-2', -1);
  await until('the corrected aggregate', 10_000, async () => (await last()).count === 3);
  const findings = (await records(log, STREAM_TOPICS.findings)).map(
    (text) => (JSON.parse(text) as Finding).kind,
  );
  expect(findings).toEqual(['stock_low', 'stock_negative']);
  await stock('i-3', 30);
  await until('all alerts', 20_000, async () => (await alerts()).length === 4);
  expect((await alerts()).slice(0, 2)).toEqual([
    '1 relay stream:stock_low raised mmr-10-629ff2',
    '2 relay stream:stock_negative raised mmr-10-629ff2',
  ]);
  expect(
    (await alerts())
      .slice(2)
      .map((alert) => alert.slice(2))
      .sort(),
  ).toEqual([
    'relay stream:stock_low cleared mmr-10-629ff2',
    'relay stream:stock_negative cleared mmr-10-629ff2',
  ]);
  await relay.program.stop();
  await log.close();
});
