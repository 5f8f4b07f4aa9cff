import { randomUUID } from 'node:crypto';
import type { Kafka, Message } from 'kafkajs';
import { z } from 'zod';
import { type Clock, withDeadline } from '../../../core/clock/clock.js';
import { TOPICS } from '../../../core/contract/messages.js';
import { rangeSetSchema } from '../../../core/contract/ranges.js';
import { idSchema, type Stream, streamSchema } from '../../../core/identity.js';
import type { Progress } from '../port.js';

/** `gateway/epoch/stream`: the key of a record in gateway.progress, which keeps the last one of each. */
export type ProgressKey = string;
export type LaneProgress = Map<ProgressKey, Progress & { gateway: string }>;

const valueSchema = z.object({
  gateway: idSchema,
  epoch: z.string(),
  stream: streamSchema,
  held: rangeSetSchema,
});

export function progressKey({
  gateway,
  epoch,
  stream,
}: {
  gateway: string;
  epoch: string;
  stream: Stream;
}): ProgressKey {
  return `${gateway}/${epoch}/${stream}`;
}

export function progressMessage(
  key: ProgressKey,
  entry: Progress & { gateway: string },
  lane: number,
): Message {
  const { gateway, epoch, stream, held } = entry;
  return { key, value: JSON.stringify({ gateway, epoch, stream, held }), partition: lane };
}

const MARK = 'read-to-here/';
const READ_MS = 60_000;

/**
 * Reads partitions of gateway.progress to their ends. The end is found by a mark written behind everything that
 * was committed before (a tombstone, which compaction removes): offsets alone do not show it, since transactions
 * leave markers that no reader sees.
 */
export async function readProgress(
  kafka: Kafka,
  clock: Clock,
  lanes: readonly number[],
): Promise<Map<number, LaneProgress>> {
  const mark = `${MARK}${randomUUID()}`;
  const found = new Map(lanes.map((lane): [number, LaneProgress] => [lane, new Map()]));
  const open = new Set(lanes);
  const consumer = kafka.consumer({
    groupId: `coldwatch-progress-${randomUUID()}`,
    maxWaitTimeInMs: 100,
    readUncommitted: false,
  });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  try {
    await Promise.all([consumer.connect(), producer.connect()]);
    await consumer.subscribe({ topic: TOPICS.progress, fromBeginning: true });
    const read = new Promise<void>((resolve, reject) => {
      consumer
        .run({
          autoCommit: false,
          eachMessage: async ({ partition, message }) => {
            const key = message.key?.toString() ?? '';
            if (key === mark) open.delete(partition);
            else if (open.has(partition) && !key.startsWith(MARK))
              keep(found.get(partition)!, key, message.value);
            if (open.size === 0) resolve();
          },
        })
        .catch(reject);
      const messages = lanes.map((lane) => ({ key: mark, value: null, partition: lane }));
      producer.send({ topic: TOPICS.progress, messages, acks: -1 }).catch(reject);
    });
    await withDeadline(
      clock,
      READ_MS,
      read,
      () => new Error(`${TOPICS.progress} was not read to its end in time`),
    );
    return found;
  } finally {
    await Promise.allSettled([consumer.disconnect(), producer.disconnect()]);
  }
}

function keep(progress: LaneProgress, key: ProgressKey, value: Buffer | null): void {
  if (value === null) {
    progress.delete(key);
    return;
  }
  const parsed = valueSchema.safeParse(JSON.parse(value.toString()));
  if (parsed.success) progress.set(key, parsed.data);
}
