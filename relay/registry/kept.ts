import type { Logger } from 'pino';
import type { Clock } from '../../core/clock/clock.js';
import { jsonOf } from '../../core/payload.js';
import { OwnRing } from '../log/own-ring.js';
import { type Log, type LogRecord, SCHEMAS_TOPIC, type StoredRecord } from '../log/port.js';
import type { OwnName } from '../log/reserved.js';
import { INCOMPATIBLE, type Registered, RegistryError, registeredSchema, SchemaBook } from './registry.js';

/** As whom a relay writes schemas: of several relays, one does. */
const REGISTRY_GATEWAY = 'schema-registry' satisfies OwnName;

/** The registry's schemas, kept in the log for good: every relay reads them, one at a time adds to them. */
export class Registry {
  readonly book = new SchemaBook();
  /** Schemas that could not read what was written before them. */
  refused = 0;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #reading: Promise<void> | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #stop: () => Promise<void> = async () => {};

  constructor(log: Log, clock: Clock, logger: Logger) {
    this.#log = log;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Resolves once everything registered before is known. */
  async ready(): Promise<void> {
    this.#reading ??= this.#read().catch((error: unknown) => {
      this.#reading = undefined;
      throw error;
    });
    await this.#reading;
  }

  async #read(): Promise<void> {
    await this.#log.read([SCHEMAS_TOPIC], 0, (records) => this.#take(records));
    const tail = await this.#log.tail([SCHEMAS_TOPIC], this.#clock.wall() - 60_000, (records) =>
      this.#take(records),
    );
    this.#stop = () => tail.stop();
  }

  #take(records: readonly StoredRecord[]): void {
    for (const { value, offset } of records) {
      const parsed = registeredSchema.safeParse(jsonOf(value));
      if (parsed.success) this.book.take(parsed.data);
      else this.#logger.warn({ offset }, 'a record of the schemas topic is none of ours');
    }
  }

  /** One after the other; resolves once it is durable. Rejects with Elsewhere where another relay adds schemas. */
  register(subject: string, schema: string): Promise<Registered> {
    const mine = this.#turn
      .then(() => this.#registerNow(subject, schema))
      .catch((error: unknown) => {
        if (error instanceof RegistryError && error.status === INCOMPATIBLE) this.refused += 1;
        throw error;
      });
    this.#turn = mine.catch(() => {});
    return mine;
  }

  async #registerNow(subject: string, schema: string): Promise<Registered> {
    const known = this.book.find(subject, schema);
    if (known) return known;
    const ring = await OwnRing.open(this.#log, REGISTRY_GATEWAY, 'events');
    // What the owner before us added is committed by now, and may not have been delivered yet.
    await this.#log.read([SCHEMAS_TOPIC], 0, (records) => this.#take(records));
    const entry = this.book.register(subject, schema);
    await ring.append([(seq) => recordOf(ring, entry, seq, this.#clock.wall())]);
    this.book.take(entry);
    return entry;
  }

  async close(): Promise<void> {
    await this.#turn;
    await this.#stop();
  }
}

function recordOf({ gateway, epoch }: OwnRing, entry: Registered, seq: number, now: number): LogRecord {
  return {
    topic: SCHEMAS_TOPIC,
    key: `${entry.subject}/${entry.version}`,
    value: JSON.stringify(entry),
    headers: { gateway, epoch, seq: String(seq) },
    timestamp: now,
  };
}
