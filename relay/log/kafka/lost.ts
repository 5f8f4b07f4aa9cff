import type { Admin, Kafka } from 'kafkajs';
import { DATA_TOPICS } from '../../../core/contract/messages.js';
import { ColdwatchError } from '../../../core/errors.js';
import { type FetchedMessage, partitioner } from './client.js';
import type { PartitionReader } from './fetch.js';
import { Names } from './names.js';
import { beginsMessage } from './progress.js';
import type { KafkaConfig } from './schema.js';
import { ensureTopics } from './topics.js';

export interface Offsets {
  partition: number;
  low: bigint;
  high: bigint;
}

/** So many of a partition's last records are looked at. */
const LOOKED_AT = 200n;

export async function offsetsOf(admin: Admin, topic: string): Promise<Offsets[]> {
  const offsets = await admin.fetchTopicOffsets(topic);
  return offsets.map(({ partition, low, high }) => ({ partition, low: BigInt(low), high: BigInt(high) }));
}

/**
 * gateway.progress says which rows of each ring are in the log. When it is deleted, or its records are, rings send all
 * that they hold once more, and all of it would go in twice. A topic that was made anew has never been written, while
 * the data topics hold records of gateways; one whose records were deleted begins behind offset 0, which compaction
 * alone never does.
 */
export async function refuseNew(
  admin: Admin,
  names: Names,
  reader: PartitionReader,
  progress: readonly Offsets[],
): Promise<void> {
  if (progress.some(({ high }) => high > 0n)) return;
  for (const topic of DATA_TOPICS.map((name) => names.topic(name))) {
    for (const { partition, low, high } of await offsetsOf(admin, topic)) {
      if (high === low) continue;
      let ours = false;
      const from = high - low > LOOKED_AT ? high - LOOKED_AT : low;
      await reader.read({ topic, partition }, from, high - 1n, (messages) => {
        ours ||= messages.some(isOfGateway);
      });
      if (ours) throw lost(names, `it has never been written, and ${topic} holds records of gateways`);
    }
  }
}

export function refuseCut(names: Names, { partition, low }: Offsets, begins: bigint | undefined): void {
  if (low === 0n || (begins !== undefined && begins >= low)) return;
  throw lost(names, `records of its partition ${partition} were deleted: it begins at offset ${low}`);
}

const isOfGateway = ({ headers }: FetchedMessage) =>
  ['gateway', 'epoch', 'seq'].every((name) => headers?.[name] !== undefined);

const lost = (names: Names, how: string) =>
  new ColdwatchError(
    'log.lost',
    `${names.progress}: ${how}. What gateways still hold and have sent before would go in a second time. ` +
      'Bring the topic back; or, if that is acceptable, run: coldwatch relay topics accept-loss --config <RELAY.yaml>',
  );

/** From now on what is there counts as all. Returns how many lanes that concerns. */
export async function acceptLoss(admin: Admin, kafka: Kafka, config: KafkaConfig): Promise<number> {
  await ensureTopics(admin, config);
  const { progress: topic } = new Names(config);
  const offsets = await offsetsOf(admin, topic);
  const messages = offsets.map(({ partition, low }) => beginsMessage(String(low), partition));
  const producer = kafka.producer({ allowAutoTopicCreation: false, createPartitioner: partitioner });
  await producer.connect();
  try {
    await producer.send({ topic, messages, acks: -1 });
  } finally {
    await producer.disconnect();
  }
  return offsets.length;
}
