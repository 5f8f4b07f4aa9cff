import type { z } from 'zod';
import {
  alertMessageSchema,
  readingMessageSchema,
  summaryMessageSchema,
  TOPICS,
} from '../../core/contract/messages.js';
import { sensorMessageSchema } from '../../core/contract/sensors.js';
import {
  deadLetterSchema,
  inventorySchema,
  SOURCE_TOPICS,
  saleSchema,
  webhookEventSchema,
} from '../../core/contract/sources.js';
import {
  clinicAggregateSchema,
  findingSchema,
  regionAggregateSchema,
  STREAM_TOPICS,
  sensorAggregateSchema,
} from '../../core/contract/streams.js';
import { jsonOf } from '../../core/payload.js';
import type { StoredRecord } from './port.js';

/** What the values of each topic are. */
export const VALUE_SCHEMAS = {
  [TOPICS.temperature]: readingMessageSchema,
  [TOPICS.status]: readingMessageSchema,
  [TOPICS.summary]: summaryMessageSchema,
  [TOPICS.sensors]: sensorMessageSchema,
  [TOPICS.alerts]: alertMessageSchema,
  [SOURCE_TOPICS.sales]: saleSchema,
  [SOURCE_TOPICS.inventory]: inventorySchema,
  [SOURCE_TOPICS.webhooks]: webhookEventSchema,
  [SOURCE_TOPICS.deadLetter]: deadLetterSchema,
  [STREAM_TOPICS.sensor5m]: sensorAggregateSchema,
  [STREAM_TOPICS.clinic5m]: clinicAggregateSchema,
  [STREAM_TOPICS.region5m]: regionAggregateSchema,
  [STREAM_TOPICS.sensorSliding]: sensorAggregateSchema,
  [STREAM_TOPICS.clinicSliding]: clinicAggregateSchema,
  [STREAM_TOPICS.findings]: findingSchema,
} as const;
export type ValueTopic = keyof typeof VALUE_SCHEMAS;
type ValueOf<T extends ValueTopic> = z.output<(typeof VALUE_SCHEMAS)[T]>;

type Encoded = Pick<StoredRecord, 'topic' | 'value'>;

/** A record whose value is what its topic holds; null where what stood under its key is taken back. */
export type Message<T extends ValueTopic = ValueTopic, R = StoredRecord> = {
  [Topic in T]: { topic: Topic; value: ValueOf<Topic> | null; record: R };
}[T];

/** What a newer version added, this one leaves out. */
const LENIENT = new Map<string, z.ZodType>(
  Object.entries(VALUE_SCHEMAS).map(([topic, schema]) => [topic, schema.strip()]),
);

/** Reads the records of some topics. Others may write into Kafka, too: what is none of ours is counted and passed over. */
export class Decoder<T extends ValueTopic> {
  foreign = 0;
  readonly #topics: ReadonlySet<string>;

  constructor(topics: readonly T[]) {
    this.#topics = new Set(topics);
  }

  /** All that are ours, in their order. */
  decode<R extends Encoded>(records: readonly R[]): Message<T, R>[] {
    return records.flatMap((record) => this.one(record) ?? []);
  }

  one<R extends Encoded>(record: R): Message<T, R> | undefined {
    const value = this.#valueOf(record);
    if (value !== undefined) return { topic: record.topic, value, record } as Message<T, R>;
    this.foreign += 1;
    return undefined;
  }

  #valueOf({ topic, value }: Encoded): unknown {
    if (!this.#topics.has(topic)) return undefined;
    return value === '' ? null : LENIENT.get(topic)!.safeParse(jsonOf(value)).data;
  }
}
