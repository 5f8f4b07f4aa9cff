import { readFileSync, rmSync } from 'node:fs';
import { Kafka, logLevel } from 'kafkajs';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { SimulatedClock } from '../../core/clock/simulated.js';
import type { ReadingMessage } from '../../core/contract/messages.js';
import { DAY } from '../../core/durations.js';
import { SystemClock } from '../../host/clock.js';
import { EmbeddedLog } from '../../relay/log/embedded/embedded.js';
import { KafkaLog } from '../../relay/log/kafka/kafka.js';
import { kafkaConfigSchema } from '../../relay/log/kafka/schema.js';
import type { Hole, Log, LogOptions, StoredRecord } from '../../relay/log/port.js';
import { getJson, until } from '../world/run/programs.js';
import { startRelay, type TestRelay } from '../world/run/relay.js';
import { startKafka, startPostgres, tempFolder } from '../world/run/services.js';

const START = Date.UTC(2026, 9, 1);
const EPOCH = '00000000000000aa';
const BATCH = 1000;
const GATEWAYS = 30;
const BATCHES = 4;
/** So many that a relay is stopped and killed while it puts them away. */
const ROWS = GATEWAYS * BATCHES * BATCH;
const TOPIC = 'iot.temperature';

function batchOf(gateway: string, batch: number, rows = BATCH) {
  const from = batch * BATCH + 1;
  const records = Array.from({ length: rows }, (_, i) => {
    const seq = from + i;
    const reading: ReadingMessage = {
      clinic: `of-${gateway}`,
      gateway,
      sensor: 'fridge',
      quantity: 'temperature',
      value: 4 + (seq % 16) / 16,
      unit: 'Cel',
      measured_at: START + seq * 60_000,
      time_quality: 'synchronised',
      quality: 'good',
      epoch: EPOCH,
      seq,
      backfill: true,
    };
    const value = JSON.stringify(reading);
    return { topic: TOPIC, key: `${reading.clinic}/fridge`, value, headers: {}, timestamp: START } as const;
  });
  return { gateway, epoch: EPOCH, stream: 'readings' as const, from, records };
}

const names = Array.from({ length: GATEWAYS }, (_, i) => `gw-${i}`);

async function metric(relay: TestRelay, name: string): Promise<number> {
  const text = await (await fetch(`${relay.url}/metrics`)).text();
  return Number(new RegExp(`^coldwatch_relay_${name} (.*)$`, 'm').exec(text)?.[1]);
}
const stored = (relay: TestRelay) => metric(relay, 'archive_records_total');

async function archivedOf(relay: TestRelay, gateway: string): Promise<number[]> {
  const { readings, complete } = await getJson<{ readings: { seq: number }[]; complete: boolean }>(
    `${relay.url}/v1/history/readings?clinic=of-${gateway}&from=2026-01-01T00:00:00Z&to=2027-12-01T00:00:00Z`,
  );
  expect(complete).toBe(true);
  return readings.map(({ seq }) => seq);
}

const allPutAway = (relay: TestRelay) =>
  until('the archive to have caught up', 90_000, async () => {
    const behind = await metric(relay, 'archive_behind_records');
    return behind === 0 && (await stored(relay)) > 0;
  });

interface Place {
  /** The log, for who fills it while no relay runs. */
  log(options?: LogOptions): Promise<Log>;
  relay(): Promise<TestRelay>;
  /** The database of the archive is away for a while. */
  outage(): Promise<void>;
  /** The log’s topic is made anew, empty. */
  anew(): Promise<void>;
  said(): string;
  close(): Promise<void>;
}

async function oneMachine(): Promise<Place> {
  const folder = tempFolder('archive-faults');
  return {
    log: async () => new EmbeddedLog(`${folder.path}/relay`, new SystemClock(), 30 * DAY),
    relay: () => startRelay(folder.path, { archive: {}, streams: false }),
    outage: async () => {},
    anew: async () => {
      for (const end of ['', '-wal', '-shm']) rmSync(`${folder.path}/relay/log.db${end}`, { force: true });
    },
    said: () => readFileSync(`${folder.path}/relay.log`, 'utf8'),
    close: async () => folder.remove(),
  };
}

async function cluster(): Promise<Place> {
  const folder = tempFolder('archive-faults');
  const [kafka, postgres] = await Promise.all([startKafka(), startPostgres()]);
  const client = new Kafka({ brokers: [kafka.address], logLevel: logLevel.NOTHING });
  const config = kafkaConfigSchema.parse({ brokers: [kafka.address] });
  return {
    log: (options) =>
      KafkaLog.open(config, 'http://filler', new SystemClock(), pino({ level: 'silent' }), options),
    relay: () => startRelay(folder.path, { kafka: kafka.address, archive: { postgres: postgres.url } }),
    outage: async () => {
      await postgres.halt();
      await new Promise((resolve) => setTimeout(resolve, 2000));
      await postgres.restart();
    },
    anew: async () => {
      const admin = client.admin();
      await admin.connect();
      await admin.deleteTopics({ topics: [TOPIC] });
      await until('the topic to be gone', 20_000, async () => !(await admin.listTopics()).includes(TOPIC));
      await admin.disconnect();
    },
    said: () => readFileSync(`${folder.path}/relay.log`, 'utf8'),
    close: async () => {
      await Promise.all([kafka.stop(), postgres.stop()]);
      folder.remove();
    },
  };
}

async function fill(place: Place, gateways: readonly string[], batches: number, first = 0, rows = BATCH) {
  const log = await place.log();
  for (let batch = first; batch < first + batches; batch++) {
    await Promise.all(gateways.map((gateway) => log.append(batchOf(gateway, batch, rows))));
  }
  await log.close();
}

/** Beside a running relay, which has the lanes. */
async function send(place: Place, gateway: string, rows: number) {
  const log = await place.log({ role: 'client' });
  const { records } = batchOf(gateway, 0, rows);
  await log.publish(records.map((record, i) => ({ ...record, id: `${gateway}/${i}` })));
  await log.close();
}

it.each([
  ['the embedded log and SQLite', oneMachine],
  ['Kafka and PostgreSQL', cluster],
])(
  'over %s nothing is missing in the archive, however the relay ends while it catches up',
  async (_, start) => {
    const place = await start();
    await fill(place, names, BATCHES);
    const beginning = (relay: TestRelay) =>
      until('the archive to have begun', 60_000, async () => (await stored(relay)) > 0 && relay);
    const ended: number[] = [];

    let relay = await place.relay();
    await beginning(relay);
    expect(await metric(relay, 'archive_behind_records')).toBeGreaterThan(0);
    expect(await metric(relay, 'archive_behind_seconds')).toBeGreaterThan(0);
    ended.push(await stored(relay));
    await relay.program.stop();

    for (let kill = 0; kill < 2; kill++) {
      relay = await place.relay();
      await beginning(relay);
      ended.push(await stored(relay));
      await relay.program.kill();
    }
    // None of them had it all when it ended.
    expect(Math.max(...ended)).toBeLessThan(ROWS);
    // What comes while no relay runs is history, too.
    await fill(place, names.slice(0, 3), 1, BATCHES, 100);

    relay = await place.relay();
    await beginning(relay);
    await place.outage();
    await allPutAway(relay);
    for (const [i, gateway] of names.entries()) {
      const last = BATCHES * BATCH + (i < 3 ? 100 : 0);
      expect(await archivedOf(relay, gateway)).toEqual(Array.from({ length: last }, (_, n) => n + 1));
    }
    expect(await metric(relay, 'archive_lost_total')).toBe(0);
    await relay.program.stop();

    // A relay that has put all away does not read it all again.
    relay = await place.relay();
    await send(place, 'late', 10);
    await until('what came last', 30_000, async () => (await archivedOf(relay, 'late')).length === 10);
    expect(await stored(relay)).toBeLessThan(1000);
    await relay.program.stop();

    await place.anew();
    await fill(place, ['new'], 1);
    relay = await place.relay();
    await until('the new topic', 60_000, async () => (await archivedOf(relay, 'new')).length === BATCH);
    expect(place.said()).toContain('a topic was made anew');
    // What the old one had stays.
    expect(await archivedOf(relay, names[0]!)).toHaveLength(BATCHES * BATCH + 100);
    await relay.program.stop();
    await place.close();
  },
);

it('a reader of the embedded log is told what was let go before it was read, and nothing else', async () => {
  const folder = tempFolder('let-go');
  const clock = new SimulatedClock(START);
  const log = new EmbeddedLog(folder.path, clock, DAY);
  await log.append(batchOf('a', 0, 100));
  const seen: StoredRecord[] = [];
  await log.read([TOPIC], 0, (records) => void seen.push(...records));
  const position = (record: StoredRecord) => ({
    topic: record.topic,
    partition: 0,
    offset: String(Number(record.offset) + 1),
    arrivedMs: record.arrivedMs,
  });
  await clock.advance(3 * DAY);
  await log.append(batchOf('b', 0, 10));
  const from = async (record: StoredRecord) => {
    const holes: Hole[] = [];
    const rows: StoredRecord[] = [];
    const tail = await log.tail(
      [TOPIC],
      [position(record)],
      (records) => void rows.push(...records),
      (hole) => void holes.push(hole),
    );
    await until('what is left', 5000, () => rows.length === 10);
    await tail.stop();
    return holes;
  };
  expect(await from(seen[39]!)).toEqual([
    { topic: TOPIC, partition: 0, why: 'gone', wanted: '41', found: '101' },
  ]);
  expect(await from(seen[99]!)).toEqual([]);
  await log.close();
  folder.remove();
});

it('the embedded log lets go of as much as comes: what is old is gone soon, however much it is', async () => {
  const folder = tempFolder('retention');
  const clock = new SimulatedClock(START);
  const log = new EmbeddedLog(folder.path, clock, DAY);
  for (let batch = 0; batch < 12; batch++) await log.append(batchOf('a', batch));
  await clock.advance(DAY + 3_600_000);
  const left: StoredRecord[] = [];
  await log.read([TOPIC], 0, (records) => void left.push(...records));
  expect(left).toHaveLength(0);
  await log.close();
  folder.remove();
});
