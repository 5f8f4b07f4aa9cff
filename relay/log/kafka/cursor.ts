import { randomUUID } from 'node:crypto';
import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs';
import { every } from '../../../core/clock/clock.js';
import type { Hole, LogTopic } from '../port.js';
import type { Kit } from './kit.js';
import { type Place, placeOf } from './starts.js';

const FETCH_WAIT_MS = 250;
/** While records are being handled: the group of one must not take us for dead (after 30 s). */
const BEAT_MS = 3000;
const REOPEN_MS = 5000;

/** Resolves to whether the messages are done with. */
type Deliver = (
  place: { topic: LogTopic; partition: number },
  messages: readonly KafkaMessage[],
) => Promise<boolean>;

export interface CursorEvents {
  /** Everything before `next` is delivered or shown to no reader. */
  onPassed?: (place: Place, next: bigint) => void;
  /** A broker answered, if only that there is nothing. */
  onAnswer?: () => void;
  /** kafkajs gave the consumer up; without this it is opened again. */
  onGone?: (error: Error) => void;
}

/**
 * A consumer that knows itself where it is: nothing is committed, and whenever its group of one begins anew (after a lost
 * session, or new partitions), it goes on there. kafkajs alone would then go to an end of the topic.
 */
export class Cursor {
  readonly #kit: Kit;
  readonly #topics: readonly LogTopic[];
  readonly #next: Map<Place, bigint>;
  readonly #deliver: Deliver;
  readonly #events: CursorEvents;
  #consumer: Consumer | undefined;
  #closed = false;

  constructor(
    kit: Kit,
    topics: readonly LogTopic[],
    starts: ReadonlyMap<Place, bigint>,
    deliver: Deliver,
    events: CursorEvents = {},
  ) {
    this.#kit = kit;
    this.#topics = topics;
    this.#next = new Map(starts);
    this.#deliver = deliver;
    this.#events = events;
  }

  async open(): Promise<void> {
    const { kafka, names } = this.#kit;
    const consumer = kafka.consumer({
      groupId: names.id(`read-${randomUUID()}`),
      maxWaitTimeInMs: FETCH_WAIT_MS,
      readUncommitted: false,
      allowAutoTopicCreation: false,
    });
    this.#consumer = consumer;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => this.#seek(consumer, payload.memberAssignment));
    // Told also of batches that hold nothing for readers: ends of transactions.
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload: { topic, partition, lastOffset } }) =>
      this.#passed(placeOf(names.own(topic), partition), BigInt(lastOffset) + 1n),
    );
    consumer.on(consumer.events.FETCH, () => this.#events.onAnswer?.());
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart && !this.#closed) this.#gone(consumer, payload.error);
    });
    await consumer.connect();
    // Where no offset is known, or Kafka does not have it any more, the beginning loses nothing.
    await consumer.subscribe({
      topics: this.#topics.map((topic) => names.topic(topic)),
      fromBeginning: true,
    });
    await consumer.run({ autoCommit: false, eachBatch: (payload) => this.#take(payload) });
  }

  #seek(consumer: Consumer, assigned: Record<string, number[]>): void {
    for (const [topic, partitions] of Object.entries(assigned)) {
      for (const partition of partitions) {
        const next = this.#next.get(placeOf(this.#kit.names.own(topic), partition));
        if (next !== undefined) consumer.seek({ topic, partition, offset: String(next) });
      }
    }
  }

  async #take({ batch, heartbeat }: EachBatchPayload): Promise<void> {
    const topic = this.#kit.names.own(batch.topic);
    const beat = every(this.#kit.clock, BEAT_MS, () => void heartbeat().catch(() => {}));
    try {
      const done = await this.#deliver({ topic, partition: batch.partition }, batch.messages);
      if (!done) return;
    } finally {
      beat.cancel();
    }
    this.#passed(placeOf(topic, batch.partition), BigInt(batch.lastOffset()) + 1n);
    await heartbeat();
  }

  #passed(place: Place, next: bigint): void {
    this.#next.set(place, next);
    this.#events.onPassed?.(place, next);
  }

  #gone(consumer: Consumer, error: Error): void {
    if (this.#events.onGone) return this.#events.onGone(error);
    this.#kit.clock.after(REOPEN_MS, async () => {
      await consumer.disconnect().catch(() => {});
      if (!this.#closed) await this.open().catch((e: Error) => this.#gone(this.#consumer!, e));
    });
  }

  /** What is not delivered yet, and where. What Kafka let go meanwhile is told to `onHole`. */
  async behind(onHole: (hole: Hole) => void): Promise<{ records: number; places: readonly Place[] }> {
    const { admin, names } = this.#kit;
    let records = 0;
    const places: Place[] = [];
    for (const topic of this.#topics) {
      for (const { partition, low, high } of await admin.fetchTopicOffsets(names.topic(topic))) {
        const place = placeOf(topic, partition);
        const next = this.#next.get(place) ?? BigInt(low);
        if (next < BigInt(low)) {
          onHole({ topic, partition, why: 'gone', wanted: String(next), found: low });
          this.#next.set(place, BigInt(low));
        }
        const left = Number(BigInt(high) - (next < BigInt(low) ? BigInt(low) : next));
        if (left <= 0) continue;
        records += left;
        places.push(place);
      }
    }
    return { records, places };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#consumer?.disconnect();
  }
}
