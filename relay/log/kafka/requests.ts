import type { Message, TopicMessages } from 'kafkajs';
import type { LogRecord } from '../port.js';
import { partitioner } from './client.js';
import type { Kit } from './kit.js';
import { BATCH_HEAD_BYTES, recordBytes } from './record-batch.js';

/** All partitions of a request together: far below what a broker reads at once (100 MB). */
const REQUEST_BYTES_MAX = 16 * 1024 * 1024;
/** What was refused for its size is cut to this share. */
export const SMALLER = 1 / 4;

export interface Outgoing {
  /** As Kafka has it. */
  topic: string;
  message: Message;
  bytes: number;
}

export interface Request {
  topicMessages: TopicMessages[];
  /** No partition gets more than one record: it cannot be made smaller. */
  single: boolean;
  /** Of the partition that gets most. */
  bytes: number;
}

/** Once the codec is ready for these topics. Kafka dates records itself, when they arrive. */
export function outgoing(
  { topic, key, value, headers }: LogRecord,
  { codec, names }: Pick<Kit, 'codec' | 'names'>,
): Outgoing {
  // What is taken back is a tombstone: compaction then drops what was said.
  const encoded = value === '' ? null : codec.encode(topic, value);
  return measured(names.topic(topic), { key, value: encoded, headers });
}

export const measured = (topic: string, message: Message): Outgoing => ({
  topic,
  message,
  bytes: recordBytes(message as Parameters<typeof recordBytes>[0]),
});

export interface Bounds {
  bytesOf(topic: string): number;
  partitionsOf(topic: string): number | undefined;
}

/**
 * Requests, in order, of which none brings a partition more than Kafka takes at once: a request has one batch for each
 * partition, and that is what brokers and topics limit. Sums are of what is not compressed yet; a record that is too
 * large even so goes alone, and Kafka has the word.
 */
export class RequestSplitter {
  readonly #choose = partitioner();
  readonly #places = new Map<string, { partitionId: number; leader: number }[]>();

  split(records: readonly Outgoing[], bounds: Bounds, share = 1): Request[] {
    const requests: Request[] = [];
    let open = new OpenRequest();
    for (const one of records) {
      const place = `${one.topic}/${this.#partitionOf(one, bounds)}`;
      if (!open.takes(place, one.bytes, Math.floor(bounds.bytesOf(one.topic) * share))) {
        requests.push(open.closed());
        open = new OpenRequest();
      }
      open.add(place, one);
    }
    if (open.count > 0) requests.push(open.closed());
    return requests;
  }

  /** Where kafkajs will put it. Unknown, or grown since: all as one, or a refusal, which is split further. */
  #partitionOf({ topic, message }: Outgoing, bounds: Bounds): number {
    if (message.partition !== undefined) return message.partition;
    const count = bounds.partitionsOf(topic);
    if (count === undefined) return -1;
    let places = this.#places.get(topic);
    if (places?.length !== count) {
      places = Array.from({ length: count }, (_, partitionId) => ({ partitionId, leader: 0 }));
      this.#places.set(topic, places);
    }
    return this.#choose({ topic, partitionMetadata: places as never, message });
  }
}

class OpenRequest {
  readonly #topics = new Map<string, Message[]>();
  readonly #places = new Map<string, { bytes: number; records: number }>();
  #bytes = 0;
  count = 0;

  takes(place: string, bytes: number, most: number): boolean {
    if (this.count === 0) return true;
    if (this.#bytes + bytes > REQUEST_BYTES_MAX) return false;
    const before = this.#places.get(place)?.bytes;
    return before === undefined || before + bytes <= most;
  }

  add(place: string, { topic, message, bytes }: Outgoing): void {
    const messages = this.#topics.get(topic);
    if (messages) messages.push(message);
    else this.#topics.set(topic, [message]);
    const { bytes: before, records } = this.#places.get(place) ?? { bytes: BATCH_HEAD_BYTES, records: 0 };
    this.#places.set(place, { bytes: before + bytes, records: records + 1 });
    this.#bytes += bytes;
    this.count += 1;
  }

  closed(): Request {
    const places = [...this.#places.values()];
    return {
      topicMessages: [...this.#topics].map(([topic, messages]) => ({ topic, messages })),
      single: places.every(({ records }) => records === 1),
      bytes: Math.max(...places.map(({ bytes }) => bytes)),
    };
  }
}
