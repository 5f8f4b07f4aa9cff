import { createRequire } from 'node:module';
import type { ICustomPartitioner } from 'kafkajs';
import { replaceEncoder } from './record-batch.js';

const require = createRequire(import.meta.url);
const GROUP = 'kafkajs/src/producer/groupMessagesPerPartition.js';

interface Grouping {
  topic: string;
  partitionMetadata: unknown[];
  messages: readonly unknown[];
  partitioner: (of: { topic: string; partitionMetadata: unknown[]; message: unknown }) => number;
}

/** What kafkajs does by copying a partition's list for each message: a transaction has thousands. */
function groupByPartition({ topic, partitionMetadata, messages, partitioner }: Grouping) {
  const groups: Record<number, unknown[]> = {};
  if (partitionMetadata.length === 0) return groups;
  for (const message of messages) {
    const partition = partitioner({ topic, partitionMetadata, message });
    groups[partition] ??= [];
    groups[partition].push(message);
  }
  return groups;
}

// kafkajs keeps what it has loaded, so its slow parts are replaced before it is.
replaceEncoder();
require(GROUP);
require.cache[require.resolve(GROUP)]!.exports = groupByPartition;

const kafkajs = require('kafkajs') as typeof import('kafkajs');
export const { AssignerProtocol, Kafka, logLevel } = kafkajs;

/** Keys remembered; a relay has a key a sensor. */
const KEYS_MAX = 50_000;

/** kafkajs's default, which is that of the Java client; each key is hashed once. */
export const partitioner: ICustomPartitioner = () => {
  const choose = kafkajs.Partitioners.DefaultPartitioner();
  const known = new Map<string, number>();
  return (args) => {
    const { key, partition } = args.message;
    if (typeof key !== 'string' || partition !== undefined) return choose(args);
    const name = `${args.partitionMetadata.length}/${key}`;
    const before = known.get(name);
    if (before !== undefined) return before;
    const chosen = choose(args);
    if (known.size >= KEYS_MAX) known.clear();
    known.set(name, chosen);
    return chosen;
  };
};
