import { createRequire } from 'node:module';
import type { ICustomPartitioner } from 'kafkajs';
import { SystemClock } from '../../../host/clock.js';
import { withoutAborted } from './aborted.js';
import { refuseOther } from './kafkajs-version.js';
import { replaceEncoder } from './record-batch.js';

const require = createRequire(import.meta.url);
const GROUP = 'kafkajs/src/producer/groupMessagesPerPartition.js';
const ABORTED = 'kafkajs/src/consumer/filterAbortedMessages.js';
const QUEUE = 'kafkajs/src/network/requestQueue/index.js';

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

interface RequestQueue {
  throttledUntil: number;
  pending: unknown[];
  scheduleCheckPendingRequests(): void;
}

/**
 * With nothing to wait for, kafkajs sets a timer of a negative time after each timer of its own: each connection wakes
 * the process a thousand times a second, and Node warns of it.
 */
function calmQueue(): void {
  const clock = new SystemClock();
  const queue = (require(QUEUE) as { prototype: RequestQueue }).prototype;
  const schedule = queue.scheduleCheckPendingRequests;
  queue.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0 || this.throttledUntil > clock.wall()) schedule.call(this);
  };
}

function replace(module: string, by: unknown): void {
  require(module);
  require.cache[require.resolve(module)]!.exports = by;
}

refuseOther((require('kafkajs/package.json') as { version: string }).version);
// kafkajs keeps what it has loaded, so its slow and its wrong parts are replaced before it is.
replaceEncoder();
calmQueue();
replace(GROUP, groupByPartition);
replace(ABORTED, withoutAborted);

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

const Batch = require('kafkajs/src/consumer/batch.js') as new (
  topic: string,
  offset: string,
  data: unknown,
) => FetchedBatch;

export interface FetchedMessage {
  key: Buffer | null;
  value: Buffer | null;
  offset: string;
  timestamp: string;
  headers?: Record<string, unknown>;
}

/** kafkajs's: `messages` are those that are committed and no marks of transactions. */
export interface FetchedBatch {
  rawMessages: unknown[];
  messages: FetchedMessage[];
  lastOffset(): string;
}

interface FetchRequest {
  maxWaitTime: number;
  minBytes: number;
  maxBytes: number;
  isolationLevel: number;
  topics: { topic: string; partitions: { partition: number; fetchOffset: string; maxBytes: number }[] }[];
}

/** What kafkajs's clients are made of. It can read one partition, and end another's membership; none of them offers it. */
export interface Cluster {
  isConnected(): boolean;
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  findGroupCoordinator(of: { groupId: string }): Promise<{
    leaveGroup(of: { groupId: string; memberId: string }): Promise<unknown>;
  }>;
  fetchTopicsOffset(
    of: { topic: string; partitions: { partition: number }[]; fromBeginning: boolean }[],
  ): Promise<{ topic: string; partitions: { partition: number; offset: string }[] }[]>;
  findTopicPartitionMetadata(topic: string): { partitionId: number }[];
  findLeaderForPartitions(topic: string, partitions: number[]): Record<string, number[]>;
  findBroker(of: { nodeId: string }): Promise<{
    fetch(request: FetchRequest): Promise<{ responses: { partitions: unknown[] }[] }>;
  }>;
}

/** `reads`: whether what it tells of partitions ends before the first transaction that is open. */
export function clusterOf(kafka: object, reads: 'committed' | 'written' = 'committed'): Cluster {
  const create = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  );
  const make = (kafka as Record<symbol, (options: object) => Cluster>)[create!]!;
  return make({ allowAutoTopicCreation: false, isolationLevel: reads === 'committed' ? 1 : 0 });
}

export const batchOf = (topic: string, offset: string, data: unknown): FetchedBatch =>
  new Batch(topic, offset, data);
