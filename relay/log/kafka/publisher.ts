import type { Producer } from 'kafkajs';
import { remember } from '../../../core/bounded.js';
import { SOURCE_TOPICS } from '../../../core/contract/sources.js';
import { type LogRecord, type LogTopic, type Published, REMEMBERED_MS } from '../port.js';
import { partitioner } from './client.js';
import { readTopics } from './consume.js';
import { isTooLarge, refusedForSize, TooLarge, unavailable, unfit } from './failures.js';
import type { Kit } from './kit.js';
import { type Outgoing, outgoing, type Request, RequestSplitter, SMALLER } from './requests.js';

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
  readonly #kit: Kit;
  readonly #splitter = new RequestSplitter();
  readonly #ids = new Map<string, number>();
  #producer: Promise<Producer> | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(kit: Kit) {
    this.#kit = kit;
  }

  /** One after the other: two requests with the same id must not both find it new. */
  publish(records: readonly Published[]): Promise<{ repeated: string[] }> {
    const mine = this.#turn.then(() => this.#publishNow(records));
    this.#turn = mine.catch(() => {});
    return mine;
  }

  async #publishNow(records: readonly Published[]): Promise<{ repeated: string[] }> {
    const producer = await this.#opened();
    const now = this.#kit.clock.wall();
    const fresh = new Map<string, Published>();
    const repeated: string[] = [];
    for (const record of records) {
      const known = this.#ids.get(record.id);
      if (fresh.has(record.id) || (known !== undefined && known > now - REMEMBERED_MS))
        repeated.push(record.id);
      else fresh.set(record.id, record);
    }
    const marked = [...fresh.values()].map((r) => ({ ...r, headers: { ...r.headers, [ID]: r.id } }));
    await this.#send(producer, this.#encoded(marked), 1);
    for (const id of fresh.keys()) remember(this.#ids, id, now, IDS_MAX);
    return { repeated };
  }

  #encoded(records: readonly LogRecord[]): Outgoing[] {
    try {
      return records.map((record) => outgoing(record, this.#kit));
    } catch (error) {
      throw unfit(error);
    }
  }

  /** `share`: of what Kafka says that it takes at once. After a failure what has arrived is read back. */
  async #send(producer: Producer, records: readonly Outgoing[], share: number): Promise<void> {
    const { limits, compression } = this.#kit;
    let request: Request | undefined;
    try {
      for (request of this.#splitter.split(records, limits, share)) {
        await producer.sendBatch({ topicMessages: request.topicMessages, acks: -1, compression });
      }
      if (share < 1)
        limits.lower(
          records.map(({ topic }) => topic),
          share,
        );
    } catch (error) {
      this.#producer = undefined;
      await producer.disconnect().catch(() => {});
      if (!request || !isTooLarge(error)) throw unavailable(error);
      await limits.learn();
      if (request.single) throw refusedForSize(new TooLarge(request, error));
      const again = await this.#opened();
      const left = records.filter(({ message }) => !this.#ids.has(String(message.headers?.[ID])));
      await this.#send(again, left, share * SMALLER);
    }
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
    const { kafka, clock } = this.#kit;
    const producer = kafka.producer({
      createPartitioner: partitioner,
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
    });
    await producer.connect();
    await readTopics(this.#kit, TOPICS, clock.wall() - REMEMBERED_MS, (records) => {
      for (const { headers, timestamp } of records)
        if (headers[ID]) remember(this.#ids, headers[ID], timestamp, IDS_MAX);
    });
    return producer;
  }

  async close(): Promise<void> {
    await this.#turn;
    await (await this.#producer?.catch(() => undefined))?.disconnect();
  }
}
