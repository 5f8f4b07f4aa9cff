import type { Admin, ITopicConfig } from 'kafkajs';
import { DATA_TOPICS, TOPICS } from '../../../core/contract/messages.js';
import { ColdwatchError } from '../../../core/errors.js';
import type { KafkaConfig } from '../../config/relay.js';

const DAY_MS = 86_400_000;

/** Makes the topics that are missing. Returns the number of lanes: partitions of gateway.progress, once and for all. */
export async function ensureTopics(admin: Admin, config: KafkaConfig): Promise<number> {
  const existing = new Set(await admin.listTopics());
  const wanted: ITopicConfig[] = [
    ...DATA_TOPICS.map((topic) => ({
      topic,
      numPartitions: config.partitions,
      replicationFactor: config.replication,
      configEntries: [
        { name: 'retention.ms', value: String(30 * DAY_MS) },
        // By a reading's own time, Kafka would drop what a gateway brings back after weeks offline, and refuse the
        // batches of a clock that is years ahead. That time is in each value.
        { name: 'message.timestamp.type', value: 'LogAppendTime' },
      ],
    })),
    {
      topic: TOPICS.progress,
      numPartitions: config.lanes,
      replicationFactor: config.replication,
      configEntries: [{ name: 'cleanup.policy', value: 'compact' }],
    },
  ];
  const topics = wanted.filter(({ topic }) => !existing.has(topic));
  if (topics.length > 0) await admin.createTopics({ topics, waitForLeaders: true });
  const [progress] = (await admin.fetchTopicMetadata({ topics: [TOPICS.progress] })).topics;
  if (!progress)
    throw new ColdwatchError('log.unavailable', `${TOPICS.progress} could not be made`, { retry: true });
  return progress.partitions.length;
}
