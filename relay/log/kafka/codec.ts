import type { LogTopic } from '../port.js';

/** How a value stands in Kafka: as JSON, or as Avro that a schema registry knows. */
export interface ValueCodec {
  /** Before `encode`: resolves once the schemas of these topics are registered. */
  ready(topics: Iterable<LogTopic>): Promise<void>;
  encode(topic: string, value: string): string | Buffer;
  /** JSON, whichever way it was written. */
  decode(topic: string, value: Buffer): Promise<string>;
}

export const plain: ValueCodec = {
  ready: async () => {},
  encode: (_topic, value) => value,
  decode: async (_topic, value) => value.toString(),
};
