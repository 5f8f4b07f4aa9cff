import { randomUUID } from 'node:crypto';
import { type IHeaders, Kafka, logLevel, type SASLOptions } from 'kafkajs';
import type { Logger } from 'pino';
import type { Clock } from '../../../core/clock/clock.js';
import { DATA_TOPICS, type DataTopic } from '../../../core/contract/messages.js';
import type { RangeSet } from '../../../core/contract/ranges.js';
import type { KafkaConfig } from '../../config/relay.js';
import type { Append, Log, Progress, StoredRecord } from '../port.js';
import { Lane, unavailable } from './lane.js';
import { readProgress } from './progress.js';
import { ensureTopics } from './topics.js';

/** The log in Apache Kafka: each gateway belongs to one lane, each lane commits in transactions of its own. */
export class KafkaLog implements Log {
  readonly #kafka: Kafka;
  readonly #clock: Clock;
  readonly #lanes: Lane[];

  static async open(config: KafkaConfig, clock: Clock, log: Logger): Promise<KafkaLog> {
    const kafka = new Kafka({
      clientId: 'coldwatch-relay',
      brokers: config.brokers,
      ssl: config.ssl,
      ...(config.sasl ? { sasl: config.sasl as SASLOptions } : {}),
      logLevel: logLevel.WARN,
      // kafkajs logs each retry as an error of its own: to us they are details.
      logCreator:
        () =>
        ({ label, log: { message, ...rest } }) => {
          log.debug({ kafka: rest.error ?? rest.logger, label }, message);
        },
    });
    const admin = kafka.admin();
    try {
      await admin.connect();
      const lanes = await ensureTopics(admin, config);
      const instance = new KafkaLog(kafka, lanes, clock);
      await instance.#openLanes();
      return instance;
    } catch (error) {
      throw unavailable(error);
    } finally {
      await admin.disconnect().catch(() => {});
    }
  }

  private constructor(kafka: Kafka, lanes: number, clock: Clock) {
    this.#kafka = kafka;
    this.#clock = clock;
    this.#lanes = Array.from({ length: lanes }, (_, lane) => new Lane({ kafka, clock, lane }));
  }

  /** All former owners are fenced before anything is read: nobody can add to the progress behind our back. */
  async #openLanes(): Promise<void> {
    const producers = await Promise.all(this.#lanes.map((lane) => lane.fence()));
    const progress = await readProgress(this.#kafka, this.#clock, [...this.#lanes.keys()]);
    for (const [i, lane] of this.#lanes.entries()) lane.serve(producers[i]!, progress.get(i) ?? new Map());
  }

  append(batch: Append): Promise<RangeSet> {
    return this.#laneOf(batch.gateway).append(batch);
  }

  async progress(gateway: string): Promise<Progress[]> {
    const lane = this.#laneOf(gateway);
    await lane.ready();
    return lane.progress(gateway).map(({ epoch, stream, held }) => ({ epoch, stream, held }));
  }

  #laneOf(gateway: string): Lane {
    return this.#lanes[fnv1a(gateway) % this.#lanes.length]!;
  }

  async tail(
    sinceMs: number,
    onRecords: (records: StoredRecord[]) => void,
  ): Promise<{ stop(): Promise<void> }> {
    const consumer = this.#kafka.consumer({
      groupId: `coldwatch-tail-${randomUUID()}`,
      maxWaitTimeInMs: 250,
      readUncommitted: false,
    });
    const admin = this.#kafka.admin();
    await Promise.all([consumer.connect(), admin.connect()]);
    const starts = await Promise.all(
      DATA_TOPICS.map(async (topic) => ({
        topic,
        offsets: await admin.fetchTopicOffsetsByTimestamp(topic, sinceMs),
      })),
    );
    await admin.disconnect();
    await consumer.subscribe({ topics: [...DATA_TOPICS], fromBeginning: false });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch, resolveOffset, heartbeat }) => {
        onRecords(batch.messages.map((message) => toStored(batch.topic as DataTopic, message)));
        resolveOffset(batch.lastOffset());
        await heartbeat();
      },
    });
    for (const { topic, offsets } of starts) {
      for (const { partition, offset } of offsets) consumer.seek({ topic, partition, offset });
    }
    return { stop: () => consumer.disconnect() };
  }

  async ready(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.ready()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }
}

function toStored(
  topic: DataTopic,
  message: {
    key: Buffer | null;
    value: Buffer | null;
    headers?: IHeaders;
    offset: string;
    timestamp: string;
  },
): StoredRecord {
  return {
    topic,
    key: message.key?.toString() ?? '',
    value: message.value?.toString() ?? '',
    headers: Object.fromEntries(
      Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]),
    ),
    timestamp: Number(message.timestamp),
    offset: message.offset,
  };
}

/** FNV-1a, 32 bits: which lane a gateway belongs to must never change between versions. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
