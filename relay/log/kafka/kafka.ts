import type { Admin, Kafka } from 'kafkajs';
import type { Logger } from 'pino';
import { type Clock, withDeadline } from '../../../core/clock/clock.js';
import type { RangeSet } from '../../../core/contract/ranges.js';
import type { KafkaConfig } from '../../config/relay.js';
import {
  type Append,
  Elsewhere,
  type From,
  type Hole,
  type Lag,
  type Log,
  type LogRecord,
  type LogTopic,
  type OnRecords,
  type Progress,
  type Published,
  type Tail,
} from '../port.js';
import { connectTo } from './admin.js';
import { plain, type ValueCodec } from './codec.js';
import { type Reader, readTopics, tailTopics } from './consume.js';
import { LaneGroup, type LaneGroupOptions } from './group.js';
import { lagOf, STREAMS_GROUP } from './lag.js';
import { Lane, unavailable } from './lane.js';
import { Publisher } from './publisher.js';
import { ensureTopics } from './topics.js';

const FIRST_LANES_MS = 60_000;

/**
 * The log in Apache Kafka: each gateway belongs to one lane, each lane commits in transactions of its own, and the
 * relays of one cluster share the lanes among them.
 */
export class KafkaLog implements Log {
  readonly #kafka: Kafka;
  readonly #reader: Reader;
  readonly #publisher: Publisher;
  readonly #admin: Admin;
  readonly #clock: Clock;
  readonly #codec: ValueCodec;
  readonly #count: number;
  readonly #group: LaneGroup;
  readonly #lanes = new Map<number, Lane>();

  /** Resolves once this relay's share of the lanes serves. `url` is where gateways reach this relay, if alone. */
  static async open(
    config: KafkaConfig,
    url: string | null,
    clock: Clock,
    log: Logger,
    role: 'relay' | 'client' = 'relay',
  ): Promise<KafkaLog> {
    const kafka = connectTo(config, log);
    const admin = kafka.admin();
    let opened: KafkaLog | undefined;
    try {
      await admin.connect();
      const lanes = await ensureTopics(admin, config);
      const codec = config.registry ? await avroCodec(config.registry) : plain;
      opened = new KafkaLog({ kafka, admin, lanes, url, clock, log }, codec);
      // A client reads and publishes; gateways' lanes are for relays.
      if (role === 'relay') await opened.#join();
      return opened;
    } catch (error) {
      await (opened ? opened.close() : admin.disconnect()).catch(() => {});
      throw unavailable(error);
    }
  }

  #firstLanes: () => void = () => {};

  private constructor(options: Omit<LaneGroupOptions, 'onAssigned'>, codec: ValueCodec) {
    this.#codec = codec;
    this.#kafka = options.kafka;
    this.#admin = options.admin;
    this.#reader = { kafka: options.kafka, admin: options.admin, clock: options.clock, codec };
    this.#publisher = new Publisher(this.#reader);
    this.#clock = options.clock;
    this.#count = options.lanes;
    this.#group = new LaneGroup({ ...options, onAssigned: (lanes) => this.#assigned(lanes) });
  }

  async #join(): Promise<void> {
    const assigned = new Promise<void>((resolve) => {
      this.#firstLanes = resolve;
    });
    await this.#group.join();
    const late = () => new Error('the group of relays gave no lanes in time');
    await withDeadline(this.#clock, FIRST_LANES_MS, assigned, late);
    await this.ready();
  }

  #assigned(owned: readonly number[]): void {
    for (const [number, lane] of this.#lanes) {
      if (owned.includes(number)) continue;
      this.#lanes.delete(number);
      void lane.release().catch(() => {});
    }
    for (const number of owned) {
      const lane = this.#lanes.get(number) ?? this.#newLane(number);
      lane.confirm();
      // Whoever needs it waits for it, or finds what kept it; here it is only started early.
      lane.ready().catch(() => {});
    }
    this.#firstLanes();
  }

  #newLane(number: number): Lane {
    const read = (lane: number) => this.#group.read(lane);
    const lane = new Lane({ kafka: this.#kafka, codec: this.#codec, clock: this.#clock, lane: number, read });
    this.#lanes.set(number, lane);
    return lane;
  }

  async append(batch: Append): Promise<RangeSet> {
    const lane = await this.#laneOf(batch.gateway);
    await this.#ready(batch.records);
    return lane.append(batch);
  }

  async progress(gateway: string): Promise<Progress[]> {
    const lane = await this.#laneOf(gateway);
    await lane.ready();
    return lane.progress(gateway).map(({ epoch, stream, held }) => ({ epoch, stream, held }));
  }

  async #laneOf(gateway: string): Promise<Lane> {
    const number = fnv1a(gateway) % this.#count;
    const lane = this.#lanes.get(number);
    if (lane) return lane;
    throw new Elsewhere(
      await this.#group.ownerOf(number).catch((error: unknown) => {
        throw unavailable(error);
      }),
    );
  }

  async publish(records: readonly Published[]): Promise<{ repeated: string[] }> {
    await this.#ready(records);
    return this.#publisher.publish(records);
  }

  /** Not in a lane's turn: a registry that this very relay serves appends to a lane, too. */
  async #ready(records: readonly LogRecord[]): Promise<void> {
    try {
      await this.#codec.ready(new Set(records.map(({ topic }) => topic)));
    } catch (error) {
      throw unavailable(error);
    }
  }

  async tail(
    topics: readonly LogTopic[],
    from: From,
    onRecords: OnRecords,
    onHole?: (hole: Hole) => void,
  ): Promise<Tail> {
    return tailTopics(this.#reader, topics, from, onRecords, onHole);
  }

  async read(topics: readonly LogTopic[], from: From, onRecords: OnRecords): Promise<void> {
    await readTopics(this.#reader, topics, from, onRecords);
  }

  async lag(): Promise<Lag[]> {
    return lagOf(this.#admin, STREAMS_GROUP);
  }

  async ready(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.ready()));
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#lanes.values()].map((lane) => lane.release()));
    await this.#publisher.close();
    await this.#group.leave();
    await this.#admin.disconnect();
  }
}

/** Loaded only where it is asked for. */
async function avroCodec(registry: NonNullable<KafkaConfig['registry']>): Promise<ValueCodec> {
  const { AvroCodec } = await import('./avro-codec.js');
  return new AvroCodec(registry);
}

/** FNV-1a, 32 bits: which lane a gateway belongs to must never change between versions. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
