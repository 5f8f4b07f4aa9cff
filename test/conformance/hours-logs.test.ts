import { pino } from 'pino';
import { afterAll, expect, it } from 'vitest';
import { type AlertMessage, TOPICS } from '../../core/contract/messages.js';
import { STREAM_TOPICS } from '../../core/contract/streams.js';
import { HOUR } from '../../core/durations.js';
import { SystemClock } from '../../host/clock.js';
import { EmbeddedLog } from '../../relay/log/embedded/embedded.js';
import { KafkaLog } from '../../relay/log/kafka/kafka.js';
import { kafkaConfigSchema } from '../../relay/log/kafka/schema.js';
import type { Log, LogTopic, StoredRecord } from '../../relay/log/port.js';
import { hour, type Input, PLAN, SETTINGS } from '../world/data/hours.js';
import { difference, foretell, kindOf, standing } from '../world/data/oracle.js';
import { until } from '../world/run/programs.js';
import { startRelay } from '../world/run/relay.js';
import { startKafka, tempFolder } from '../world/run/services.js';

/*
 * A generated hour through the relay program over each log, killed in the middle: what stands at the end is what SQL over
 * all of it gives, and both logs have the same alerts. The hour is the last one, and arrives all at once: what goes by the
 * time of arrival (silence, patterns, sliding windows) is held against the oracle in hours.test.ts.
 */
const clock = new SystemClock();
const FIVE = 300_000;
const SOURCES = { tokens: [{ token: 'a-token-of-the-store', scopes: ['erp'] }], reorder: SETTINGS.reorder };
const KINDS = [
  'several_out',
  'region_out',
  'stock_low',
  'stock_restored',
  'stock_negative',
  'stock_corrected',
];
const WINDOWS = [STREAM_TOPICS.sensor5m, STREAM_TOPICS.clinic5m, STREAM_TOPICS.region5m];
const WAIT_MS = 120_000;

const cleanups: (() => unknown)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

const isCompared = (row: string) => {
  const kind = kindOf(row);
  return kind === undefined ? WINDOWS.some((topic) => row.startsWith(`${topic} `)) : KINDS.includes(kind);
};

async function all(log: Log, topics: LogTopic[]): Promise<StoredRecord[]> {
  const found: StoredRecord[] = [];
  await log.read(topics, 0, (some) => void found.push(...some));
  return found;
}

const rows = async (log: Log) =>
  standing(await all(log, [...WINDOWS, STREAM_TOPICS.findings])).filter(isCompared);

const put = (log: Log, inputs: readonly Input[], part: string) =>
  log.publish(
    inputs.map(({ topic, key, value, arrivedMs: timestamp }, i) => ({
      topic,
      key,
      value,
      timestamp,
      headers: {},
      // Repeats are to be found by the streams, not by the log.
      id: `${part}-${i}`,
    })),
  );

async function alerts(log: Log): Promise<string[]> {
  const told = (await all(log, [TOPICS.alerts])).map(({ value }) => JSON.parse(value) as AlertMessage);
  return told
    .filter(({ rule }) => KINDS.includes(rule.slice('stream:'.length)))
    .map((alert) => [alert.rule, alert.clinic, alert.sensor, alert.state, alert.alert_id].join(' '))
    .sort();
}

/** The hour through a relay that is killed in the middle; its alerts. */
async function through(inputs: readonly Input[], log: Log, kafka?: string): Promise<string[]> {
  const folder = kafka ? tempFolder('hours-kafka').path : embeddedFolder.path;
  const half = Math.floor(inputs.length / 2);
  const options = { sources: SOURCES, regions: SETTINGS.regions, streams: true, kafka };
  await put(log, inputs.slice(0, half), 'first');
  const first = await startRelay(folder, options);
  cleanups.push(() => first.program.kill());
  await until('alerts of the first half', WAIT_MS, async () => (await alerts(log)).length >= 3);
  await first.program.kill();
  await put(log, inputs.slice(half), 'second');
  const second = await startRelay(folder, options);
  cleanups.push(() => second.program.kill());
  const foretold = foretell(inputs, SETTINGS).filter(isCompared);
  await until('all that is foretold', WAIT_MS, async () => {
    const own = await rows(log);
    return difference(foretold, own).length + difference(own, foretold).length === 0;
  }).catch(() => {});
  const own = await rows(log);
  expect({ lacks: difference(foretold, own), adds: difference(own, foretold) }).toEqual({
    lacks: [],
    adds: [],
  });
  await until('the stock’s alerts', WAIT_MS, async () => (await alerts(log)).length >= 14);
  const told = await alerts(log);
  await second.program.stop();
  return told;
}

const embeddedFolder = tempFolder('hours-embedded');
cleanups.push(() => embeddedFolder.remove());

it('both logs: the same aggregates and findings as foretold, the same alerts, each told once', async () => {
  const startMs = Math.floor(clock.wall() / FIVE) * FIVE - HOUR;
  const inputs = hour({ ...PLAN, startMs });
  const embedded = new EmbeddedLog(`${embeddedFolder.path}/relay`, clock, 86_400_000);
  cleanups.push(() => embedded.close());
  const service = await startKafka();
  cleanups.push(() => service.stop());
  const config = kafkaConfigSchema.parse({ brokers: [service.address] });
  const kafka = await KafkaLog.open(config, 'http://beside', clock, pino({ level: 'silent' }), {
    role: 'client',
  });
  cleanups.push(() => kafka.close());
  const ofEmbedded = await through(inputs, embedded);
  const ofKafka = await through(inputs, kafka, service.address);
  expect(ofKafka).toEqual(ofEmbedded);
  expect(new Set(ofEmbedded).size).toBe(ofEmbedded.length);
  const count = (start: string) => ofEmbedded.filter((one) => one.startsWith(start)).length;
  expect([count('stream:stock_low'), count('stream:stock_negative')]).toEqual([6, 6]);
  expect([count('stream:several_out'), count('stream:region_out')]).toEqual([3, 1]);
}, 600_000);
