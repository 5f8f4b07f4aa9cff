import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel, type Producer } from 'kafkajs';
import { STREAM_TOPICS } from '../../../core/contract/streams.js';
import { sourcesConfigSchema } from '../../../relay/accept/schema.js';
import { connectTo } from '../../../relay/log/kafka/admin.js';
import { type KafkaConfig, kafkaConfigSchema } from '../../../relay/log/kafka/schema.js';
import { ensureTopics, topicSpecs } from '../../../relay/log/kafka/topics.js';
import { STREAM_INPUTS } from '../../../relay/streams/embedded/streams.js';
import { flinkEnv } from '../../../relay/streams/flink-env.js';
import { type Input, SETTINGS } from '../data/hours.js';
import { kcatLines } from './kcat.js';
import { until } from './programs.js';
import { type Service, startKafka, tempFolder } from './services.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/dist\/$/, '/');
/** Records arrived when the test says, and are kept however long ago that is. */
const ARRIVAL_AS_SAID = { 'message.timestamp.type': 'CreateTime', 'retention.ms': '-1' };
/** As an installation that shares its Kafka has it. */
const PREFIX = 'west.';
export const JOB_INPUTS = STREAM_INPUTS.map((topic) => `${PREFIX}${topic}`).sort();

export interface Written {
  topic: string;
  key: string;
  value: string;
}

/** The Flink job on a Kafka of its own, in which records arrive when the test says: hours pass in seconds. */
export class FlinkJob {
  readonly config: KafkaConfig;
  readonly #kafka: Service;
  readonly #producer: Producer;
  readonly #folder = tempFolder('flink');
  #flink: ChildProcess | undefined;

  private constructor(kafka: Service, config: KafkaConfig, producer: Producer) {
    this.#kafka = kafka;
    this.config = config;
    this.#producer = producer;
  }

  /** Kafka and its topics; the job is not started. */
  static async open(): Promise<FlinkJob> {
    const kafka = await startKafka();
    const config = kafkaConfigSchema.parse({
      brokers: [kafka.address],
      topic_prefix: PREFIX,
      partitions: 3,
    });
    const admin = connectTo(config, undefined).admin();
    await admin.connect();
    // Made so, not changed to it: a broker hears of a change later than whoever asked for it is answered.
    const topics = topicSpecs(config)
      .filter(({ topic }) => JOB_INPUTS.includes(topic))
      .map(({ topic, partitions, replication, configs }) => ({
        topic,
        numPartitions: partitions,
        replicationFactor: replication,
        configEntries: Object.entries({ ...configs, ...ARRIVAL_AS_SAID }).map(([name, value]) => ({
          name,
          value,
        })),
      }));
    await admin.createTopics({ topics, waitForLeaders: true });
    await ensureTopics(admin, config);
    await admin.disconnect();
    const producer = new Kafka({ brokers: [kafka.address], logLevel: logLevel.NOTHING }).producer();
    await producer.connect();
    return new FlinkJob(kafka, config, producer);
  }

  get folder(): string {
    return this.#folder.path;
  }

  /** From its last checkpoint, where it has one. */
  start(): void {
    const sources = sourcesConfigSchema.parse({ reorder: SETTINGS.reorder });
    const job = flinkEnv({ sources, regions: SETTINGS.regions, kafka: this.config });
    this.#flink = spawn(`${ROOT}scripts/services`, ['flink', 'run', this.#kafka.address, this.#folder.path], {
      env: { ...process.env, ...job, CHECKPOINT_EVERY: '2 s' },
      stdio: 'ignore',
    });
  }

  async kill(): Promise<void> {
    const flink = this.#flink!;
    const ended = new Promise((resolve) => flink.once('exit', resolve));
    flink.kill('SIGKILL');
    await ended;
  }

  /** `atOnce`: so many records go to Kafka together, each partition's in their order. */
  async send(inputs: readonly Input[], atOnce = 1): Promise<void> {
    for (let i = 0; i < inputs.length; i += atOnce) {
      const topicMessages = STREAM_INPUTS.map((topic) => ({
        topic: `${PREFIX}${topic}`,
        messages: inputs
          .slice(i, i + atOnce)
          .filter((one) => one.topic === topic)
          .map(({ key, value, arrivedMs }) => ({ key, value, timestamp: String(arrivedMs) })),
      })).filter(({ messages }) => messages.length > 0);
      await this.#producer.sendBatch({ topicMessages });
    }
  }

  /** What it wrote, as an independent client sees it, committed only. */
  output(): Written[] {
    return Object.values(STREAM_TOPICS).flatMap((topic) =>
      kcatLines(this.#kafka.address, `${PREFIX}${topic}`, '-K', '\t').map((line) => {
        const [key, value] = line.split('\t') as [string, string];
        return { topic, key, value };
      }),
    );
  }

  /** Resolves once there is a checkpoint that is not there now. */
  async checkpoint(): Promise<void> {
    const before = new Set(this.#checkpoints());
    await until('a checkpoint', 120_000, () => this.#checkpoints().some((name) => !before.has(name)));
  }

  #checkpoints(): string[] {
    const files = readdirSync(`${this.#folder.path}/checkpoints`, { recursive: true, encoding: 'utf8' });
    return files.filter((name) => name.endsWith('_metadata'));
  }

  async close(): Promise<void> {
    this.#flink?.kill('SIGKILL');
    await this.#producer.disconnect();
    await this.#kafka.stop();
    this.#folder.remove();
  }
}
