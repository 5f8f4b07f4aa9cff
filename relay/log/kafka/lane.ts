import type { Producer, Transaction } from 'kafkajs';
import { sleep } from '../../../core/clock/clock.js';
import type { RangeSet } from '../../../core/contract/ranges.js';
import { ColdwatchError } from '../../../core/errors.js';
import { type Append, Elsewhere, type Progress } from '../port.js';
import { partitioner } from './client.js';
import { Draft } from './draft.js';
import { isTooLarge, refusedForSize, TooLarge, unavailable, unfit } from './failures.js';
import type { Kit } from './kit.js';
import { LaneContents } from './progress.js';
import { measured, type Outgoing, outgoing, type Request, RequestSplitter, SMALLER } from './requests.js';

/** Batches of many gateways share a transaction: the first waits this long for company. */
const LINGER_MS = 5;
/** Records in one transaction: larger ones gain nothing and hold readers back. */
const TRANSACTION_ROWS = 5000;
/** Readers wait for a transaction whose relay is gone, until the next relay opens the lane, or for so long. */
const TRANSACTION_TIMEOUT_MS = 10_000;

interface Waiting {
  batch: Append;
  resolve: (held: RangeSet) => void;
  reject: (error: Error) => void;
}

/** Shut out by another owner: for so long the group of relays gets to tell us that the lane is not ours. */
const FENCED_MS = 10_000;

export interface LaneDeps extends Kit {
  lane: number;
  /** Gateways of it whose names nobody vouches for. */
  gatewaysMax: number;
  /** Reads the lane's partition of gateway.progress to its end. */
  read: () => Promise<LaneContents>;
}

/**
 * One lane: a partition of gateway.progress and a transactional id. It commits records and progress together.
 * After any failure nothing is guessed: the producer is thrown away, a new one fences whatever the old one left
 * under way, and the progress is read again before the lane serves.
 */
export class Lane {
  readonly #deps: LaneDeps;
  readonly #splitter = new RequestSplitter();
  #producer: Producer | undefined;
  #contents = new LaneContents();
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
    const producer = this.#newProducer();
    try {
      await fence(producer);
      // Only now nobody can add to the progress behind our back.
      this.#contents = await this.#deps.read();
      if (this.#released) throw new Elsewhere(null);
      this.#producer = producer;
    } catch (error) {
      await producer.disconnect().catch(() => {});
      throw unavailable(error);
    }
  }

  #newProducer(): Producer {
    const { kafka, lane, names } = this.#deps;
    return kafka.producer({
      createPartitioner: partitioner,
      transactionalId: names.id(`lane-${lane}`),
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
      // Back-to-back transactions meet CONCURRENT_TRANSACTIONS for a moment: try again in ms, not in 300 ms.
      retry: { initialRetryTime: 3, multiplier: 2, maxRetryTime: 500, retries: 12 },
    });
  }

  /** Records of the progress that are none of ours. */
  get unreadable(): number {
    return this.#contents.unreadable;
  }

  progress(gateway: string): Progress[] {
    return [...this.#contents.of(gateway).values()];
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
    while (this.#queue.length > 0) await this.#serve(this.#takeGroup(), 1);
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

  /** `share`: of what Kafka says that it takes at once. */
  async #serve(group: readonly Waiting[], share: number): Promise<void> {
    try {
      await this.ready();
      await this.#commit(group, share);
    } catch (error) {
      if (error instanceof TooLarge) return this.#serveSmaller(group, share, error);
      for (const waiting of group) waiting.reject(unavailable(error));
    }
  }

  /** The limits may be new, or others than what we were told. A batch is alone with its refusal. */
  async #serveSmaller(group: readonly Waiting[], share: number, refusal: TooLarge): Promise<void> {
    await this.#deps.limits.learn();
    if (group.length > 1) for (const waiting of group) await this.#serve([waiting], share);
    else if (refusal.request.single) group[0]!.reject(refusedForSize(refusal));
    else await this.#serve(group, share * SMALLER);
  }

  async #commit(group: readonly Waiting[], share: number): Promise<void> {
    const draft = new Draft(this.#contents, this.#deps.clock.wall(), this.#deps.gatewaysMax);
    const records: Outgoing[] = [];
    const taken = group.filter((waiting) => this.#take(waiting, draft, records));
    if (records.length > 0) {
      const { lane, limits, names } = this.#deps;
      const progress = draft.messages(lane).map((message) => measured(names.progress, message));
      await this.#transaction(this.#splitter.split([...records, ...progress], limits, share));
      if (share < 1)
        limits.lower(
          records.map(({ topic }) => topic),
          share,
        );
    }
    draft.apply();
    for (const { batch, resolve } of taken) resolve(draft.held(batch));
  }

  /**
   * Takes what is new of a batch; the same range twice in a group counts once. One that no progress could remember, or
   * that does not fit its schema, is refused, and the others of its group do not suffer for it.
   */
  #take({ batch, reject }: Waiting, draft: Draft, records: Outgoing[]): boolean {
    try {
      const encoded = draft
        .lacking(batch)
        .flatMap(([low, high]) => batch.records.slice(low - batch.from, high - batch.from + 1))
        .map((record) => outgoing(record, this.#deps));
      draft.add(batch);
      for (const one of encoded) records.push(one);
      return true;
    } catch (error) {
      reject(error instanceof ColdwatchError ? error : unfit(error));
      return false;
    }
  }

  async #transaction(requests: readonly Request[]): Promise<void> {
    const producer = this.#producer;
    if (!producer) throw unavailable(new Error('the lane is not open'));
    try {
      const transaction = await producer.transaction();
      for (const request of requests) await this.#send(transaction, request);
      await transaction.commit();
    } catch (error) {
      this.#producer = undefined;
      await producer.disconnect().catch(() => {});
      if (error instanceof TooLarge) throw error;
      const why = unavailable(error);
      if (why.code === 'log.fenced') this.#fencedUntil = this.#deps.clock.mono() + FENCED_MS;
      throw why;
    }
  }

  async #send(transaction: Transaction, request: Request): Promise<void> {
    const { compression } = this.#deps;
    try {
      await transaction.sendBatch({ topicMessages: request.topicMessages, acks: -1, compression });
    } catch (error) {
      throw isTooLarge(error) ? new TooLarge(request, error) : error;
    }
  }

  /** Ends what is under way, and serves nobody any more. */
  async release(): Promise<void> {
    this.#released = true;
    await this.#working;
    await this.#opening?.catch(() => {});
    await this.#producer?.disconnect();
    this.#producer = undefined;
  }
}

/**
 * Initialising the transactional id aborts and shuts out whatever the lane's former owner has under way. kafkajs does
 * that with the first transaction, not with the connection: this one is for nothing else.
 */
async function fence(producer: Producer): Promise<void> {
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.abort();
}
