import { TOPICS } from '../../../core/contract/messages.js';
import type { LogTopic } from '../port.js';

type OwnTopic = LogTopic | typeof TOPICS.progress;

/** What is ours in Kafka: each topic, consumer group and transactional id of an installation begins with its prefix. */
export class Names {
  readonly #prefix: string;

  constructor({ topic_prefix: prefix }: { topic_prefix: string }) {
    this.#prefix = prefix;
  }

  get progress(): string {
    return this.topic(TOPICS.progress);
  }

  /** As Kafka has it. */
  topic(topic: OwnTopic): string {
    return `${this.#prefix}${topic}`;
  }

  /** `name`: of one of our topics, as Kafka has it. */
  own(name: string): LogTopic {
    return name.slice(this.#prefix.length) as LogTopic;
  }

  id(name: string): string {
    return `${this.#prefix}coldwatch-${name}`;
  }
}
