import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import { Kafka, logLevel } from 'kafkajs';
import { DATA_TOPICS } from '../../../core/contract/messages.js';

/** A record of the relay's log, read by other means than the relay's own code. */
export interface SeenRecord {
  topic: string;
  key: string;
  message: { gateway: string; epoch: string; seq: number; [field: string]: unknown };
}

/** Everything that gateways sent, in the embedded log of that folder. */
export function readEmbedded(folder: string): SeenRecord[] {
  if (!existsSync(`${folder}/log.db`)) return [];
  const db = new Database(`${folder}/log.db`, { readonly: true });
  try {
    const rows = db.prepare('SELECT topic, key, value FROM records ORDER BY offset').all() as {
      topic: string;
      key: string;
      value: string;
    }[];
    // What the relay computes itself has no place in a gateway's ring.
    const sent = rows.filter(
      ({ topic, value }) => (DATA_TOPICS as readonly string[]).includes(topic) && value !== '',
    );
    return sent.map(({ topic, key, value }) => ({ topic, key, message: JSON.parse(value) }));
  } finally {
    db.close();
  }
}

const READ_MS = 20_000;

/** Everything that a read_committed consumer sees in these topics, up to their ends as of now. */
export async function readKafka(broker: string, topics: string[]): Promise<SeenRecord[]> {
  const kafka = new Kafka({ clientId: 'oracle', brokers: [broker], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  const consumer = kafka.consumer({
    maxWaitTimeInMs: 250,
    groupId: `oracle-${process.pid}-${Math.floor(performance.now())}`,
  });
  await Promise.all([admin.connect(), consumer.connect()]);
  const ends = new Map<string, number>();
  for (const topic of topics) {
    for (const { partition, high, low } of await admin.fetchTopicOffsets(topic)) {
      if (Number(high) > Number(low)) ends.set(`${topic}/${partition}`, Number(high));
    }
  }
  const seen: SeenRecord[] = [];
  try {
    await consumer.subscribe({ topics, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      if (ends.size === 0) return resolve();
      setTimeout(
        () => reject(new Error(`not read to its end: ${[...ends.keys()].join(', ')}`)),
        READ_MS,
      ).unref();
      consumer
        .run({
          eachBatch: async ({ batch }) => {
            const partition = `${batch.topic}/${batch.partition}`;
            for (const { key, value } of batch.messages) {
              if (value === null) continue;
              seen.push({ topic: batch.topic, key: String(key), message: JSON.parse(String(value)) });
            }
            // The last offset of a partition is a transaction's marker, which no reader is shown.
            if (Number(batch.lastOffset()) + 2 >= (ends.get(partition) ?? 0)) ends.delete(partition);
            if (ends.size === 0) resolve();
          },
        })
        .catch(reject);
    });
    return seen;
  } finally {
    await Promise.allSettled([consumer.disconnect(), admin.disconnect()]);
  }
}

const STREAM_OF: Record<string, string> = {
  alerts: 'events',
  'gateway.audit': 'events',
  'iot.sensors': 'events',
  'iot.summary': 'summaries',
};

/** How often each (gateway, epoch, stream, seq) occurs; the streams are told apart by their topics. */
export function occurrences(records: readonly SeenRecord[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { topic, message } of records) {
    const stream = STREAM_OF[topic] ?? 'readings';
    const id = `${message.gateway}/${message.epoch}/${stream}/${message.seq}`;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}
