import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import { messageOf } from '../../../core/errors.js';
import type { LogTopic } from '../port.js';
import { type Avro, fromAvro, toAvro } from '../schemas/avro.js';
import { avroSchemas, formerSchemas } from '../schemas/schemas.js';
import type { ValueCodec } from './codec.js';
import type { Names } from './names.js';
import type { KafkaConfig } from './schema.js';

/** Confluent's wire format: a zero byte, the schema's id (int32), Avro. */
const MAGIC = 0;
const NOT_FOUND = 404;

interface Known {
  id: number;
  avro: Avro;
  toBuffer(value: unknown): Buffer;
}

/** Topics that have no Avro schema (gateway.audit, gateway.progress, webhooks) are JSON. */
export class AvroCodec implements ValueCodec {
  readonly #registry: SchemaRegistry;
  readonly #names: Names;
  readonly #schemas = avroSchemas();
  readonly #readable = new Map([...this.#schemas, ...formerSchemas()]);
  readonly #known = new Map<string, Known>();

  constructor({ url, username, password }: NonNullable<KafkaConfig['registry']>, names: Names) {
    this.#names = names;
    const auth = username === undefined ? {} : { auth: { username, password: password ?? '' } };
    this.#registry = new SchemaRegistry({ host: url.replace(/\/$/, ''), ...auth, retry: { retries: 1 } });
  }

  async ready(topics: Iterable<LogTopic>): Promise<void> {
    for (const topic of topics) {
      const avro = this.#schemas.get(topic);
      if (!avro || this.#known.has(topic)) continue;
      try {
        const { id } = await this.#registry.register(
          { type: SchemaType.AVRO, schema: JSON.stringify(avro) },
          { subject: `${this.#names.topic(topic)}-value`, updateConfig: false },
        );
        const schema = await this.#registry.getSchema(id);
        this.#known.set(topic, { id, avro, toBuffer: (value) => schema.toBuffer(value as object) });
      } catch (error) {
        throw new Error(`schema registry: ${messageOf(error)}`, { cause: error });
      }
    }
  }

  encode(topic: string, value: string): string | Buffer {
    const known = this.#known.get(topic);
    if (!known) return value;
    const body = known.toBuffer(toAvro(known.avro, JSON.parse(value)));
    const head = Buffer.alloc(5);
    head.writeInt32BE(known.id, 1);
    return Buffer.concat([head, body]);
  }

  /** By the schema that it was written with; fields that this version does not know are left out. */
  async decode(topic: string, value: Buffer): Promise<string> {
    if (value[0] !== MAGIC) return value.toString();
    let decoded: unknown;
    try {
      decoded = await this.#registry.decode(value);
    } catch (error) {
      if (isAway(error)) throw error;
      // Of a schema that nobody registered, or not what its schema says: as text that is no record of ours.
      return value.toString('latin1');
    }
    const avro = this.#readable.get(topic);
    return JSON.stringify(avro ? fromAvro(avro, decoded) : decoded);
  }
}

/** A registry that does not answer, or not now: what cannot be read yet is no reason to pass it over. */
function isAway(error: unknown): boolean {
  const { name, status } = error as { name?: string; status?: number };
  return name === 'ResponseError' && status !== NOT_FOUND;
}
