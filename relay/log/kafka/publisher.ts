import type { Producer } from 'kafkajs';
import { SOURCE_TOPICS } from '../../../core/contract/sources.js';
import { type LogTopic, type Published, REMEMBERED_MS } from '../port.js';
import { partitioner } from './client.js';
import { type Reader, readTopics } from './consume.js';
import { byTopic, unavailable } from './lane.js';

/** The header that carries a record's id: what was published before a restart is known by it. */
const ID = 'id';
/** Ids beyond this many are forgotten, oldest first; 100 MB at most. */
const IDS_MAX = 500_000;
const TOPICS: readonly LogTopic[] = Object.values(SOURCE_TOPICS);

/**
 * Records of other sources, once each: ids of the last day are known, from Kafka itself after a restart. Two relays that
 * are sent the same event at the same moment both take it; streams count by event_id.
 */
export class Publisher {
  readonly #reader: Reader;
  readonly #ids = new Map<string, number>();
  #producer: Promise<Producer> | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(reader: Reader) {
    this.#reader = reader;
  }

  /** One after the other: two requests with the same id must not both find it new. */
  publish(records: readonly Published[]): Promise<{ repeated: string[] }> {
    const mine = this.#turn.then(() => this.#publishNow(records));
    this.#turn = mine.catch(() => {});
    return mine;
  }

  async #publishNow(records: readonly Published[]): Promise<{ repeated: string[] }> {
    const producer = await this.#opened();
    const now = this.#reader.clock.wall();
    const fresh = new Map<string, Published>();
    const repeated: string[] = [];
    for (const record of records) {
      const known = this.#ids.get(record.id);
      if (fresh.has(record.id) || (known !== undefined && known > now - REMEMBERED_MS))
        repeated.push(record.id);
      else fresh.set(record.id, record);
    }
    const marked = [...fresh.values()].map((r) => ({ ...r, headers: { ...r.headers, [ID]: r.id } }));
    try {
      if (marked.length > 0) {
        const topicMessages = byTopic(marked, this.#reader.codec);
        await producer.sendBatch({ topicMessages, acks: -1 });
      }
    } catch (error) {
      this.#producer = undefined;
      await producer.disconnect().catch(() => {});
      throw unavailable(error);
    }
    for (const id of fresh.keys()) this.#remember(id, now);
    return { repeated };
  }

  #remember(id: string, atMs: number): void {
    this.#ids.delete(id);
    this.#ids.set(id, atMs);
    if (this.#ids.size > IDS_MAX) this.#ids.delete(this.#ids.keys().next().value!);
  }

  async #opened(): Promise<Producer> {
    this.#producer ??= this.#open();
    try {
      return await this.#producer;
    } catch (error) {
      this.#producer = undefined;
      throw unavailable(error);
    }
  }

  async #open(): Promise<Producer> {
    const { kafka, clock } = this.#reader;
    const producer = kafka.producer({
      createPartitioner: partitioner,
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    await readTopics(this.#reader, TOPICS, clock.wall() - REMEMBERED_MS, (records) => {
      for (const { headers, timestamp } of records) if (headers[ID]) this.#remember(headers[ID], timestamp);
    });
    return producer;
  }

  async close(): Promise<void> {
    await this.#turn;
    await (await this.#producer?.catch(() => undefined))?.disconnect();
  }
}
