import type { Admin, ITopicConfig } from 'kafkajs';
import { DATA_TOPICS, TOPICS } from '../../../core/contract/messages.js';
import { SOURCE_TOPICS } from '../../../core/contract/sources.js';
import { BACKTEST_TOPICS, STREAM_TOPICS } from '../../../core/contract/streams.js';
import { DAY } from '../../../core/durations.js';
import { ColdwatchError } from '../../../core/errors.js';
import { ENROLMENT_TOPIC, type LogTopic, SCHEMAS_TOPIC } from '../port.js';
import { Names } from './names.js';
import type { KafkaConfig } from './schema.js';

const DAYS_KEPT = 30;
/** Kafka's number for it; kafkajs, a CommonJS package, gives its name to the compiler only. */
const TOPIC_RESOURCE = 2;

export interface TopicSpec {
  /** As Kafka has it. */
  topic: string;
  partitions: number;
  replication: number;
  configs: Record<string, string>;
}

/** Every topic of ours, as it should be. */
export function topicSpecs(config: KafkaConfig): TopicSpec[] {
  const { partitions, replication, lanes } = config;
  const names = new Names(config);
  const kept = (days: number): Record<string, string> => ({
    'cleanup.policy': 'delete',
    'retention.ms': String(days * DAY),
    // By a reading's own time, Kafka would drop what a gateway brings back after weeks offline, and refuse the
    // batches of a clock that is years ahead. That time is in each value.
    'message.timestamp.type': 'LogAppendTime',
  });
  const spec = (
    topic: LogTopic | typeof TOPICS.progress,
    configs: Record<string, string>,
    count = partitions,
  ): TopicSpec => ({
    topic: names.topic(topic),
    partitions: count,
    replication,
    configs,
  });
  return [
    ...DATA_TOPICS.filter((topic) => topic !== TOPICS.sensors).map((topic) => spec(topic, kept(DAYS_KEPT))),
    spec(TOPICS.sensors, { 'cleanup.policy': 'compact' }),
    // Raw sales are personal and large; what is made of them stays.
    spec(SOURCE_TOPICS.sales, kept(1)),
    spec(SOURCE_TOPICS.inventory, kept(DAYS_KEPT)),
    spec(SOURCE_TOPICS.webhooks, kept(DAYS_KEPT)),
    spec(SOURCE_TOPICS.deadLetter, kept(DAYS_KEPT), 1),
    ...Object.values(STREAM_TOPICS).map((topic) =>
      spec(
        topic,
        { 'cleanup.policy': 'compact,delete', 'retention.ms': String(DAYS_KEPT * DAY) },
        // Findings are few, and what begins must come before what ends, whichever keys they have.
        topic === STREAM_TOPICS.findings ? 1 : partitions,
      ),
    ),
    ...Object.values(BACKTEST_TOPICS).map((topic) => spec(topic, kept(1))),
    spec(SCHEMAS_TOPIC, { 'cleanup.policy': 'compact' }, 1),
    // Of two that claim with one token, the first has it: one order for all.
    spec(ENROLMENT_TOPIC, { 'cleanup.policy': 'compact' }, 1),
    spec(TOPICS.progress, { 'cleanup.policy': 'compact' }, lanes),
  ];
}

/** Makes the topics that are missing. Returns the number of lanes: partitions of gateway.progress, once and for all. */
export async function ensureTopics(admin: Admin, config: KafkaConfig): Promise<number> {
  const existing = new Set(await admin.listTopics());
  const topics = topicSpecs(config)
    .filter(({ topic }) => !existing.has(topic))
    .map(toKafka);
  if (topics.length > 0) await admin.createTopics({ topics, waitForLeaders: true });
  const { progress: name } = new Names(config);
  const [progress] = (await admin.fetchTopicMetadata({ topics: [name] })).topics;
  if (!progress) throw new ColdwatchError('log.unavailable', `${name} could not be made`, { retry: true });
  return progress.partitions.length;
}

const toKafka = ({ topic, partitions, replication, configs }: TopicSpec): ITopicConfig => ({
  topic,
  numPartitions: partitions,
  replicationFactor: replication,
  configEntries: Object.entries(configs).map(([name, value]) => ({ name, value })),
});

/** One thing in which Kafka differs from what should be; without `apply` a person must decide. */
export interface TopicDifference {
  topic: string;
  what: string;
  now: string;
  wanted: string;
  apply?: (admin: Admin) => Promise<unknown>;
}

/** Compares; changes nothing. */
export async function topicDifferences(admin: Admin, config: KafkaConfig): Promise<TopicDifference[]> {
  const existing = new Set(await admin.listTopics());
  const { progress } = new Names(config);
  const all = await Promise.all(
    topicSpecs(config).map((spec) =>
      existing.has(spec.topic) ? differencesOf(admin, spec, spec.topic !== progress) : [missing(spec)],
    ),
  );
  return all.flat();
}

function missing(spec: TopicSpec): TopicDifference {
  const wanted = `${spec.partitions} partitions, ${spec.replication} replicas, ${JSON.stringify(spec.configs)}`;
  return {
    topic: spec.topic,
    what: 'topic',
    now: 'missing',
    wanted,
    apply: (admin) => admin.createTopics({ topics: [toKafka(spec)], waitForLeaders: true }),
  };
}

async function differencesOf(
  admin: Admin,
  { topic, partitions, replication, configs }: TopicSpec,
  mayGrow: boolean,
) {
  const found: TopicDifference[] = [];
  const [metadata] = (await admin.fetchTopicMetadata({ topics: [topic] })).topics;
  const count = metadata!.partitions.length;
  if (count !== partitions) {
    // Lanes are partitions of gateway.progress: with another number, gateways would change lanes and lose progress.
    const grows = count < partitions && mayGrow;
    found.push({
      topic,
      what: 'partitions',
      now: String(count),
      wanted: String(partitions),
      ...(grows
        ? { apply: (a: Admin) => a.createPartitions({ topicPartitions: [{ topic, count: partitions }] }) }
        : {}),
    });
  }
  const replicas = Math.min(...metadata!.partitions.map((p) => p.replicas.length));
  if (replicas !== replication) {
    found.push({ topic, what: 'replicas', now: String(replicas), wanted: String(replication) });
  }
  return [...found, ...(await configDifferences(admin, topic, configs))];
}

async function configDifferences(admin: Admin, topic: string, configs: Record<string, string>) {
  const described = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: TOPIC_RESOURCE, name: topic }],
  });
  const entries = described.resources[0]!.configEntries;
  const now = new Map(entries.map(({ configName, configValue }) => [configName, configValue]));
  const sorted = (text: string) => text.split(',').sort().join(',');
  return Object.entries(configs).flatMap(([name, wanted]): TopicDifference[] => {
    const value = now.get(name) ?? 'unset';
    if (sorted(value) === sorted(wanted)) return [];
    // kafkajs sets all of a topic's configs at once: what is set besides stays as it is.
    const keep = entries.filter((e) => !e.isDefault && !(e.configName in configs));
    const all = [...keep.map((e) => [e.configName, e.configValue]), ...Object.entries(configs)];
    const apply = (a: Admin) =>
      a.alterConfigs({
        validateOnly: false,
        resources: [
          {
            type: TOPIC_RESOURCE,
            name: topic,
            configEntries: all.map(([key, v]) => ({ name: key!, value: v! })),
          },
        ],
      });
    return [{ topic, what: name, now: value, wanted, apply }];
  });
}
