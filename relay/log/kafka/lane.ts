import type { Kafka, Producer, TopicMessages } from 'kafkajs';
import { type Clock, sleep } from '../../../core/clock/clock.js';
import { TOPICS } from '../../../core/contract/messages.js';
import { missing, type RangeSet } from '../../../core/contract/ranges.js';
import { ColdwatchError, messageOf } from '../../../core/errors.js';
import {
  type Append,
  Elsewhere,
  extended,
  type LogRecord,
  type LogTopic,
  type Progress,
  refuseClinic,
  refuseEpochs,
} from '../port.js';
import { partitioner } from './client.js';
import type { ValueCodec } from './codec.js';
import { type LaneProgress, progressKey, progressMessage } from './progress.js';

/** Batches of many gateways share a transaction: the first waits this long for company. */
const LINGER_MS = 5;
/** Records in one transaction: larger ones gain nothing and hold readers back. */
const TRANSACTION_ROWS = 5000;
const TRANSACTION_TIMEOUT_MS = 30_000;

interface Waiting {
  batch: Append;
  resolve: (held: RangeSet) => void;
  reject: (error: Error) => void;
}

/** Shut out by another owner: for so long the group of relays gets to tell us that the lane is not ours. */
const FENCED_MS = 10_000;

export interface LaneDeps {
  kafka: Kafka;
  codec: ValueCodec;
  clock: Clock;
  lane: number;
  /** Reads the lane's partition of gateway.progress to its end. */
  read: (lane: number) => Promise<LaneProgress>;
}

/**
 * One lane: a partition of gateway.progress and a transactional id. It commits records and progress together.
 * After any failure nothing is guessed: the producer is thrown away, a new one fences whatever the old one left
 * under way, and the progress is read again before the lane serves.
 */
export class Lane {
  readonly #deps: LaneDeps;
  #producer: Producer | undefined;
  #held: LaneProgress = new Map();
  #queue: Waiting[] = [];
  #working: Promise<void> | undefined;
  #opening: Promise<void> | undefined;
  #released = false;
  #fencedUntil = Number.NEGATIVE_INFINITY;

  constructor(deps: LaneDeps) {
    this.#deps = deps;
  }

  /** Resolves once the lane serves. After a failure it fences anew, and reads again what is really held. */
  async ready(): Promise<void> {
    if (this.#producer) return;
    if (this.#released) throw new Elsewhere(null);
    if (this.#deps.clock.mono() < this.#fencedUntil) {
      throw new ColdwatchError('log.fenced', 'another relay took this lane over', { retry: true });
    }
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    await this.#opening;
  }

  /** The group says that the lane is ours (still, or again). */
  confirm(): void {
    this.#fencedUntil = Number.NEGATIVE_INFINITY;
  }

  async #open(): Promise<void> {
    const producer = await this.#fence().catch((error: unknown) => {
      throw unavailable(error);
    });
    try {
      // Only now nobody can add to the progress behind our back.
      this.#held = await this.#deps.read(this.#deps.lane);
      if (this.#released) throw new Elsewhere(null);
      this.#producer = producer;
    } catch (error) {
      await producer.disconnect().catch(() => {});
      throw unavailable(error);
    }
  }

  /** Initialising the transactional id aborts and shuts out whatever the lane's former owner had under way. */
  async #fence(): Promise<Producer> {
    const { kafka, lane } = this.#deps;
    const producer = kafka.producer({
      createPartitioner: partitioner,
      transactionalId: `coldwatch-lane-${lane}`,
      idempotent: true,
      maxInFlightRequests: 1,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
      // Back-to-back transactions meet CONCURRENT_TRANSACTIONS for a moment: try again in ms, not in 300 ms.
      retry: { initialRetryTime: 3, multiplier: 2, maxRetryTime: 500, retries: 12 },
    });
    await producer.connect();
    return producer;
  }

  progress(gateway: string): Progress[] {
    return [...this.#held.values()].filter((entry) => entry.gateway === gateway);
  }

  append(batch: Append): Promise<RangeSet> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ batch, resolve, reject });
      this.#wake();
    });
  }

  #wake(): void {
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
      // Whoever was answered last may have appended again before this ran.
      if (this.#queue.length > 0) this.#wake();
    });
  }

  async #work(): Promise<void> {
    await sleep(this.#deps.clock, LINGER_MS);
    while (this.#queue.length > 0) {
      const group = this.#takeGroup();
      try {
        await this.ready();
        await this.#commit(group);
      } catch (error) {
        for (const waiting of group) waiting.reject(unavailable(error));
      }
    }
  }

  #takeGroup(): Waiting[] {
    let rows = 0;
    let count = 0;
    for (const { batch } of this.#queue) {
      if (count > 0 && rows + batch.records.length > TRANSACTION_ROWS) break;
      rows += batch.records.length;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    const { records, updates, taken } = this.#merge(group);
    if (records.length > 0) await this.#transaction(records, updates);
    for (const [key, entry] of updates) this.#held.set(key, entry);
    for (const { batch, resolve } of taken) resolve(this.#held.get(progressKey(batch))?.held ?? []);
  }

  /**
   * What is new in the group, and the progress after it; the same range twice in a group counts once. A batch that no
   * progress could remember is refused, and the others of its group do not suffer for it.
   */
  #merge(group: readonly Waiting[]) {
    const updates: LaneProgress = new Map();
    const records: LogRecord[] = [];
    const taken: Waiting[] = [];
    for (const waiting of group) {
      const { batch, reject } = waiting;
      const key = progressKey(batch);
      const { gateway, epoch, stream, from } = batch;
      const known = updates.get(key) ?? this.#held.get(key);
      const before = known?.held ?? [];
      const to = from + batch.records.length - 1;
      try {
        const held = extended(before, [from, to]);
        if (before.length === 0) refuseEpochs(this.#epochs(gateway, updates).add(epoch));
        const bound = known?.clinic ?? this.#clinicOf(gateway, updates);
        refuseClinic(bound, batch);
        updates.set(key, { gateway, epoch, stream, held, clinic: bound ?? batch.clinic });
      } catch (error) {
        reject(error as Error);
        continue;
      }
      taken.push(waiting);
      for (const [low, high] of missing(before, [from, to])) {
        for (let seq = low; seq <= high; seq++) records.push(batch.records[seq - from]!);
      }
    }
    return { records, updates, taken };
  }

  #clinicOf(gateway: string, updates: LaneProgress): string | undefined {
    for (const entries of [updates, this.#held])
      for (const entry of entries.values())
        if (entry.gateway === gateway && entry.clinic !== undefined) return entry.clinic;
    return undefined;
  }

  #epochs(gateway: string, updates: LaneProgress): Set<string> {
    const mine = [...this.#held.values(), ...updates.values()].filter((entry) => entry.gateway === gateway);
    return new Set(mine.map(({ epoch }) => epoch));
  }

  async #transaction(records: readonly LogRecord[], updates: LaneProgress): Promise<void> {
    const producer = this.#producer;
    if (!producer) throw unavailable(new Error('the lane is not open'));
    try {
      const transaction = await producer.transaction();
      const progress = [...updates].map(([key, entry]) => progressMessage(key, entry, this.#deps.lane));
      const topicMessages = [
        ...byTopic(records, this.#deps.codec),
        { topic: TOPICS.progress, messages: progress },
      ];
      await transaction.sendBatch({ topicMessages, acks: -1 });
      await transaction.commit();
    } catch (error) {
      this.#producer = undefined;
      await producer.disconnect().catch(() => {});
      const why = unavailable(error);
      if (why.code === 'log.fenced') this.#fencedUntil = this.#deps.clock.mono() + FENCED_MS;
      throw why;
    }
  }

  /** Ends what is under way, and serves nobody any more. */
  async release(): Promise<void> {
    this.#released = true;
    await this.#working;
    await this.#producer?.disconnect();
    this.#producer = undefined;
  }
}

/** Once the codec is ready for these topics. Kafka dates records itself, when they arrive. */
export function byTopic(records: readonly LogRecord[], codec: ValueCodec): TopicMessages[] {
  const topics = new Map<LogTopic, TopicMessages['messages']>();
  for (const { topic, key, value, headers } of records) {
    let messages = topics.get(topic);
    if (!messages) {
      messages = [];
      topics.set(topic, messages);
    }
    // What is taken back is a tombstone: compaction then drops what was said.
    const encoded = value === '' ? null : codec.encode(topic, value);
    messages.push({ key, value: encoded, headers });
  }
  return [...topics].map(([topic, messages]) => ({ topic, messages }));
}

export function unavailable(error: unknown): ColdwatchError {
  if (error instanceof ColdwatchError) return error;
  const fenced = /INVALID_PRODUCER_EPOCH|PRODUCER_FENCED/.test(
    `${(error as { type?: string }).type ?? ''} ${messageOf(error)}`,
  );
  const code = fenced ? 'log.fenced' : 'log.unavailable';
  return new ColdwatchError(code, `Kafka: ${messageOf(error)}`, { retry: true, cause: error });
}
