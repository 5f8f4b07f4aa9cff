import type { Admin } from 'kafkajs';
import type { Logger } from 'pino';
import { logged } from '../../../core/errors.js';

/** Kafka's own default of message.max.bytes, for brokers that do not tell. */
const DEFAULT_BYTES = 1_048_588;
/** Compression may make a batch larger by a little, and our sums leave out bytes of its head. */
const USABLE = 0.95;
/** Kafka's number for it; kafkajs, a CommonJS package, gives its name to the compiler only. */
const TOPIC_RESOURCE = 2;
const NAME = 'max.message.bytes';

/** What Kafka takes at once: bytes of one partition in one request, by topic, and how many partitions there are. */
export class TopicLimits {
  readonly #admin: Admin;
  readonly #log: Logger;
  readonly #topics: readonly string[];
  #bytes = new Map<string, number>();
  #partitions = new Map<string, number>();
  /** Kafka has told us. */
  #told = false;

  constructor(admin: Admin, topics: readonly string[], log: Logger) {
    this.#admin = admin;
    this.#topics = topics;
    this.#log = log;
  }

  bytesOf(topic: string): number {
    return Math.floor((this.#bytes.get(topic) ?? DEFAULT_BYTES) * USABLE);
  }

  /** None where it is not known. */
  partitionsOf(topic: string): number | undefined {
    return this.#partitions.get(topic);
  }

  /** A topic's value is the broker's where it has none of its own. Who may not ask is left with Kafka's default. */
  async learn(): Promise<void> {
    try {
      const { topics } = await this.#admin.fetchTopicMetadata({ topics: [...this.#topics] });
      this.#partitions = new Map(topics.map(({ name, partitions }) => [name, partitions.length]));
      const { resources } = await this.#admin.describeConfigs({
        includeSynonyms: false,
        resources: this.#topics.map((name) => ({ type: TOPIC_RESOURCE, name, configNames: [NAME] })),
      });
      for (const { resourceName, configEntries } of resources) {
        const value = Number(configEntries.find(({ configName }) => configName === NAME)?.configValue);
        if (value > 0) this.#bytes.set(resourceName, value);
      }
      this.#told = true;
    } catch (error) {
      this.#log.warn(logged(error), 'Kafka does not say how large a batch may be');
    }
  }

  /** This share of what was believed has been taken where more was refused: where Kafka does not tell, that is learned. */
  lower(topics: Iterable<string>, share: number): void {
    if (this.#told) return;
    for (const topic of new Set(topics)) {
      this.#bytes.set(topic, (this.#bytes.get(topic) ?? DEFAULT_BYTES) * share);
    }
  }
}
