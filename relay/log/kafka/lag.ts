import type { Admin } from 'kafkajs';
import type { Lag } from '../port.js';

/** The Flink job commits its offsets under this name with each checkpoint (relay/streams/sql/tables.sql). */
export const STREAMS_GROUP = 'coldwatch-streams';

/** Of each topic of which the group has committed anything. */
export async function lagOf(admin: Admin, group: string): Promise<Lag[]> {
  const committed = await admin.fetchOffsets({ groupId: group });
  return Promise.all(
    committed.map(async ({ topic, partitions }) => {
      const ends = new Map((await admin.fetchTopicOffsets(topic)).map((p) => [p.partition, Number(p.high)]));
      const behind = partitions
        .filter(({ offset }) => Number(offset) >= 0)
        .map(({ partition, offset }) => Math.max(0, (ends.get(partition) ?? 0) - Number(offset)));
      return { group, topic, records: behind.reduce((a, b) => a + b, 0) };
    }),
  );
}
