import { randomUUID } from 'node:crypto';
import type { Admin, Consumer, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import { type Clock, every } from '../../../core/clock/clock.js';
import type { LogTopic, StoredRecord, Tail } from '../port.js';
import type { ValueCodec } from './codec.js';

type OnRecords = (records: StoredRecord[]) => void;

/** What Kafka must have at least before a consumer may ask for it, and who asks. */
export interface Reader {
  kafka: Kafka;
  admin: Admin;
  clock: Clock;
  codec: ValueCodec;
}

const FETCH_WAIT_MS = 250;
/** The last offset of a partition may be a transaction's mark, which no consumer is shown. */
const NOTHING_MORE_MS = 3000;

/** Records that arrived since `sinceMs`, and all that follow. */
export async function tailTopics(
  reader: Reader,
  topics: readonly LogTopic[],
  sinceMs: number,
  onRecords: OnRecords,
): Promise<Tail> {
  const starts = await offsetsAt(reader.admin, topics, sinceMs);
  const consumer = await consume(reader.kafka, topics, starts, async ({ batch }) => {
    onRecords(await allStored(batch.topic as LogTopic, batch.messages, reader.codec));
  });
  return { stop: () => consumer.disconnect() };
}

/** Records that arrived since `sinceMs`, up to what is the end now. */
export async function readTopics(
  { kafka, admin, clock, codec }: Reader,
  topics: readonly LogTopic[],
  sinceMs: number,
  onRecords: OnRecords,
): Promise<void> {
  const starts = await offsetsAt(admin, topics, sinceMs);
  const ends = new Map<string, bigint>();
  for (const topic of topics) {
    for (const { partition, high } of await admin.fetchTopicOffsets(topic)) {
      const start = starts.get(`${topic}/${partition}`) ?? '0';
      if (BigInt(high) > BigInt(start)) ends.set(`${topic}/${partition}`, BigInt(high));
    }
  }
  if (ends.size === 0) return;
  let heardMs = clock.mono();
  let finish: () => void = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const consumer = await consume(kafka, topics, starts, async ({ batch }) => {
    heardMs = clock.mono();
    const place = `${batch.topic}/${batch.partition}`;
    const end = ends.get(place);
    if (end === undefined) return;
    const before = batch.messages.filter(({ offset }) => BigInt(offset) < end);
    onRecords(await allStored(batch.topic as LogTopic, before, codec));
    heardMs = clock.mono();
    if (BigInt(batch.lastOffset()) + 1n >= end) ends.delete(place);
    if (ends.size === 0) finish();
  });
  const look = every(clock, 200, () => {
    if (clock.mono() - heardMs > NOTHING_MORE_MS) finish();
  });
  await finished;
  look.cancel();
  await consumer.disconnect();
}

async function consume(
  kafka: Kafka,
  topics: readonly LogTopic[],
  starts: ReadonlyMap<string, string>,
  onBatch: (payload: EachBatchPayload) => Promise<void>,
): Promise<Consumer> {
  const groupId = `coldwatch-read-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: FETCH_WAIT_MS, readUncommitted: false });
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: false });
  await consumer.run({
    autoCommit: false,
    eachBatch: async (payload) => {
      await onBatch(payload);
      payload.resolveOffset(payload.batch.lastOffset());
      await payload.heartbeat();
    },
  });
  for (const [place, offset] of starts) {
    const [topic, partition] = [
      place.slice(0, place.lastIndexOf('/')),
      place.slice(place.lastIndexOf('/') + 1),
    ];
    consumer.seek({ topic, partition: Number(partition), offset });
  }
  return consumer;
}

/** By `topic/partition`. */
async function offsetsAt(
  admin: Admin,
  topics: readonly LogTopic[],
  sinceMs: number,
): Promise<Map<string, string>> {
  const all = await Promise.all(
    topics.map(async (topic) => {
      const offsets = await admin.fetchTopicOffsetsByTimestamp(topic, sinceMs);
      return offsets.map(({ partition, offset }) => [`${topic}/${partition}`, offset] as const);
    }),
  );
  return new Map(all.flat());
}

function allStored(topic: LogTopic, messages: readonly KafkaMessage[], codec: ValueCodec) {
  return Promise.all(messages.map((message) => toStored(topic, message, codec)));
}

async function toStored(topic: LogTopic, message: KafkaMessage, codec: ValueCodec): Promise<StoredRecord> {
  const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]);
  return {
    topic,
    key: message.key?.toString() ?? '',
    value: message.value ? await codec.decode(topic, message.value) : '',
    headers: Object.fromEntries(headers) as Record<string, string>,
    timestamp: Number(message.timestamp),
    offset: message.offset,
  };
}
