import type { Kafka } from 'kafkajs';
import { type Clock, sleep } from '../../../core/clock/clock.js';
import { messageOf } from '../../../core/errors.js';
import { batchOf, type Cluster, clusterOf, type FetchedMessage } from './client.js';

const FETCH_WAIT_MS = 200;
const FETCH_BYTES = 4 * 1024 * 1024;
/** Without a single message for so long, whoever waits for them is told. */
const SILENT_MS = 20_000;
const RETRY_MS = 100;

/**
 * Reads a partition that one chooses, from an offset to an offset, committed messages only. Through a group's consumer
 * (all that kafkajs offers) a read depends on seeks and pauses that the group's next rebalance takes back.
 */
export class PartitionReader {
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  #closed = false;

  constructor(kafka: Kafka, clock: Clock) {
    this.#cluster = clusterOf(kafka);
    this.#clock = clock;
  }

  /** Resolves once `end`, an offset that is written already, has been passed. */
  async read(
    at: { topic: string; partition: number },
    from: bigint,
    end: bigint,
    onMessages: (messages: FetchedMessage[]) => void,
  ): Promise<void> {
    let next = from;
    let heardMs = this.#clock.mono();
    let last = 'nothing new';
    while (next <= end) {
      if (this.#closed) throw new Error('closed while reading');
      if (this.#clock.mono() - heardMs > SILENT_MS) {
        throw new Error(`${at.topic}/${at.partition} cannot be read from ${next} to ${end}: ${last}`);
      }
      try {
        const batch = await this.#fetch(at, next);
        if (batch.rawMessages.length === 0) continue;
        heardMs = this.#clock.mono();
        onMessages(batch.messages);
        next = BigInt(batch.lastOffset()) + 1n;
      } catch (error) {
        last = messageOf(error);
        await sleep(this.#clock, RETRY_MS);
        if (!this.#closed) await this.#renew();
      }
    }
  }

  async #fetch({ topic, partition }: { topic: string; partition: number }, offset: bigint) {
    if (!this.#cluster.isConnected()) await this.#cluster.connect();
    await this.#cluster.addTargetTopic(topic);
    const [nodeId] = Object.keys(this.#cluster.findLeaderForPartitions(topic, [partition]));
    if (nodeId === undefined) throw new Error(`${topic}/${partition} has no leader`);
    const broker = await this.#cluster.findBroker({ nodeId });
    const { responses } = await broker.fetch({
      maxWaitTime: FETCH_WAIT_MS,
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      isolationLevel: 1,
      topics: [{ topic, partitions: [{ partition, fetchOffset: String(offset), maxBytes: FETCH_BYTES }] }],
    });
    return batchOf(topic, String(offset), responses[0]!.partitions[0]!);
  }

  /** Leaders change, and brokers come back: the next try asks who is there. */
  async #renew(): Promise<void> {
    try {
      if (!this.#cluster.isConnected()) await this.#cluster.connect();
      await this.#cluster.refreshMetadata();
    } catch {
      // Not there yet: the next try says so.
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#cluster.disconnect();
  }
}
