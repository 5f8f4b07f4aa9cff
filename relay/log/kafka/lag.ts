import type { Admin } from 'kafkajs';
import type { Lag } from '../port.js';
import type { Names } from './names.js';

/** The Flink job commits its offsets as this group with each checkpoint (relay/streams/sql/tables.sql). */
const STREAMS = 'streams';

/** Of each topic of which the streams have committed anything; names as Kafka has them. */
export async function lagOf(admin: Admin, names: Names): Promise<Lag[]> {
  const group = names.id(STREAMS);
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
