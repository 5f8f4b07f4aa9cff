import type { Logger } from 'pino';
import { type Clock, withDeadline } from '../../../core/clock/clock.js';
import type { RangeSet } from '../../../core/contract/ranges.js';
import { ColdwatchError } from '../../../core/errors.js';
import {
  type Append,
  Elsewhere,
  type From,
  GATEWAYS_MAX,
  type Hole,
  type Lag,
  type Log,
  type LogOptions,
  type LogRecord,
  type LogTopic,
  type OnRecords,
  type Progress,
  type Published,
  type Tail,
} from '../port.js';
import { connectTo } from './admin.js';
import { plain, type ValueCodec } from './codec.js';
import { readTopics, tailTopics } from './consume.js';
import { unavailable } from './failures.js';
import { LaneGroup } from './group.js';
import type { Kit } from './kit.js';
import { lagOf } from './lag.js';
import { Lane } from './lane.js';
import { TopicLimits } from './limits.js';
import { Names } from './names.js';
import { Publisher } from './publisher.js';
import { COMPRESSION } from './record-batch.js';
import type { KafkaConfig } from './schema.js';
import { ensureTopics, topicSpecs } from './topics.js';

const FIRST_LANES_MS = 60_000;

/**
 * The log in Apache Kafka: each gateway belongs to one lane, each lane commits in transactions of its own, and the
 * relays of one cluster share the lanes among them.
 */
export class KafkaLog implements Log {
  readonly #kit: Kit;
  readonly #publisher: Publisher;
  readonly #count: number;
  readonly #group: LaneGroup;
  readonly #lanes = new Map<number, Lane>();

  /** Resolves once this relay's share of the lanes serves. `url` is where gateways reach this relay, if alone. */
  static async open(
    config: KafkaConfig,
    url: string | null,
    clock: Clock,
    log: Logger,
    { role = 'relay', stop }: LogOptions = {},
  ): Promise<KafkaLog> {
    const kafka = connectTo(config, log);
    const admin = kafka.admin();
    const names = new Names(config);
    let opened: KafkaLog | undefined;
    const opening = async () => {
      await admin.connect();
      const count = await ensureTopics(admin, config);
      const codec = config.registry ? await avroCodec(config.registry, names) : plain;
      const limits = new TopicLimits(
        admin,
        topicSpecs(config).map(({ topic }) => topic),
        log,
      );
      await limits.learn();
      stop?.throwIfAborted();
      const compression = COMPRESSION[config.compression];
      opened = new KafkaLog({ kafka, admin, names, clock, codec, limits, compression }, count, url, log);
      // A client reads and publishes; gateways' lanes are for relays.
      if (role === 'relay') await opened.#join();
      return opened;
    };
    try {
      return await (stop ? unlessAborted(stop, opening()) : opening());
    } catch (error) {
      await (opened ? opened.close() : admin.disconnect()).catch(() => {});
      throw unavailable(error);
    }
  }

  #firstLanes: () => void = () => {};

  private constructor(kit: Kit, lanes: number, url: string | null, log: Logger) {
    this.#kit = kit;
    this.#publisher = new Publisher(kit);
    this.#count = lanes;
    const onAssigned = (owned: readonly number[]) => this.#assigned(owned);
    this.#group = new LaneGroup({ ...kit, lanes, url, log, onAssigned });
  }

  async #join(): Promise<void> {
    const assigned = new Promise<void>((resolve) => {
      this.#firstLanes = resolve;
    });
    await this.#group.join();
    const late = () => new Error('the group of relays gave no lanes in time');
    await withDeadline(this.#kit.clock, FIRST_LANES_MS, assigned, late);
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
    const gatewaysMax = Math.ceil(GATEWAYS_MAX / this.#count);
    const read = () => this.#group.read(number);
    const lane = new Lane({ ...this.#kit, lane: number, gatewaysMax, read });
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
      await this.#kit.codec.ready(new Set(records.map(({ topic }) => topic)));
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
    return tailTopics(this.#kit, topics, from, onRecords, onHole);
  }

  async read(topics: readonly LogTopic[], from: From, onRecords: OnRecords): Promise<void> {
    await readTopics(this.#kit, topics, from, onRecords);
  }

  get unreadable(): number {
    return [...this.#lanes.values()].reduce((sum, lane) => sum + lane.unreadable, 0);
  }

  async lag(): Promise<Lag[]> {
    return lagOf(this.#kit.admin, this.#kit.names);
  }

  async ready(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.ready()));
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#lanes.values()].map((lane) => lane.release()));
    await this.#publisher.close();
    await this.#group.leave();
    await this.#kit.admin.disconnect();
  }
}

/** Rejects as soon as `stop` is aborted; the work itself looks at it between its steps. */
async function unlessAborted<T>(stop: AbortSignal, work: Promise<T>): Promise<T> {
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new ColdwatchError('log.unavailable', 'stopped while the log was opened'));
    stop.addEventListener('abort', onAbort, { once: true });
  });
  try {
    stop.throwIfAborted();
    return await Promise.race([work, aborted]);
  } finally {
    stop.removeEventListener('abort', onAbort);
  }
}

/** Loaded only where it is asked for. */
async function avroCodec(registry: NonNullable<KafkaConfig['registry']>, names: Names): Promise<ValueCodec> {
  const { AvroCodec } = await import('./avro-codec.js');
  return new AvroCodec(registry, names);
}

/** FNV-1a, 32 bits: which lane a gateway belongs to must never change between versions. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
