import { randomUUID } from 'node:crypto';
import type { Admin, Consumer, EachBatchPayload, Kafka, Producer } from 'kafkajs';
import type { Logger } from 'pino';
import { type Clock, withDeadline } from '../../../core/clock/clock.js';
import { TOPICS } from '../../../core/contract/messages.js';
import { messageOf } from '../../../core/errors.js';
import { keepProgress, type LaneProgress, MARK } from './progress.js';
import { laneAssigner, lanesOf, memberOf } from './spread.js';

const GROUP = 'coldwatch-lanes';
/** A relay that dies is noticed after this long (the least that Kafka's brokers allow by default). */
const SESSION_MS = 6000;
const HEARTBEAT_MS = 1000;
const REBALANCE_MS = 10_000;
const FETCH_WAIT_MS = 200;
const READ_MS = 60_000;
const RESTART_MS = 5000;
/** For so long the answer to "who has this lane" is believed. */
const OWNERS_MS = 1000;

export interface LaneGroupOptions {
  kafka: Kafka;
  admin: Admin;
  clock: Clock;
  log: Logger;
  lanes: number;
  /** Where gateways reach this relay, if they can reach it alone. */
  url: string | null;
  /** The lanes that are ours from now on. */
  onAssigned: (lanes: readonly number[]) => void;
}

interface Reading {
  mark: string;
  /** The read begins with the batch that was fetched from here: what was under way before is of another read. */
  low: string;
  begun: boolean;
  progress: LaneProgress;
  done: () => void;
  fail: (error: Error) => void;
}

/**
 * This relay's membership in the consumer group that owns the lanes, one for each partition of gateway.progress.
 * The same consumer reads those partitions: kafkajs has no other way to read a partition that one chooses.
 */
export class LaneGroup {
  readonly #options: LaneGroupOptions;
  readonly #marks: Producer;
  #consumer: Consumer | undefined;
  #owned: readonly number[] = [];
  readonly #reads = new Map<number, Reading>();
  #owners: { atMs: number; urls: Map<number, string | null> } | undefined;
  #closed = false;

  constructor(options: LaneGroupOptions) {
    this.#options = options;
    this.#marks = options.kafka.producer({ allowAutoTopicCreation: false });
  }

  async join(): Promise<void> {
    await this.#marks.connect();
    await this.#consume();
  }

  async #consume(): Promise<void> {
    const { kafka, lanes, url, clock, log } = this.#options;
    const consumer = kafka.consumer({
      groupId: GROUP,
      sessionTimeout: SESSION_MS,
      heartbeatInterval: HEARTBEAT_MS,
      rebalanceTimeout: REBALANCE_MS,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      readUncommitted: false,
      partitionAssigners: [laneAssigner(lanes, () => ({ url, lanes: [...this.#owned] }))],
    });
    this.#consumer = consumer;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.#owners = undefined;
      this.#owned = payload.memberAssignment[TOPICS.progress] ?? [];
      for (const [lane, { fail }] of this.#reads) {
        if (!this.owns(lane)) fail(new Error(`lane ${lane} went to another relay`));
      }
      const others = this.#owned.filter((lane) => !this.#reads.has(lane));
      if (others.length > 0) consumer.pause([{ topic: TOPICS.progress, partitions: others }]);
      log.info({ lanes: this.#owned }, 'lanes of this relay');
      this.#options.onAssigned(this.#owned);
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (payload.restart || this.#closed) return;
      log.warn({ error: messageOf(payload.error) }, 'out of the group of relays: joining again');
      clock.after(RESTART_MS, () => void this.#rejoin(consumer));
    });
    await consumer.connect();
    await consumer.subscribe({ topic: TOPICS.progress, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: true,
      eachBatch: (batch) => this.#take(batch),
    });
  }

  async #rejoin(old: Consumer): Promise<void> {
    await old.disconnect().catch(() => {});
    if (this.#closed) return;
    await this.#consume().catch((error: unknown) => {
      this.#options.log.warn({ error: messageOf(error) }, 'the group of relays cannot be joined');
      this.#options.clock.after(RESTART_MS, () => void this.#rejoin(this.#consumer!));
    });
  }

  owns(lane: number): boolean {
    return this.#owned.includes(lane);
  }

  /** Where the relay that has this lane can be reached; null when nobody knows. */
  async ownerOf(lane: number): Promise<string | null> {
    const now = this.#options.clock.mono();
    if (!this.#owners || now - this.#owners.atMs > OWNERS_MS) {
      const urls = new Map<number, string | null>();
      const { groups } = await this.#options.admin.describeGroups([GROUP]);
      for (const { memberMetadata, memberAssignment } of groups[0]?.members ?? []) {
        for (const owned of lanesOf(memberAssignment)) urls.set(owned, memberOf(memberMetadata).url);
      }
      this.#owners = { atMs: now, urls };
    }
    return this.#owners.urls.get(lane) ?? null;
  }

  /**
   * Reads a lane of ours to its end. The end is found by a mark written behind everything that was committed before
   * (a tombstone, which compaction removes): offsets do not show it, since transactions leave markers that no
   * reader sees.
   */
  async read(lane: number): Promise<LaneProgress> {
    const { admin, clock } = this.#options;
    const mark = `${MARK}${randomUUID()}`;
    const offsets = await admin.fetchTopicOffsets(TOPICS.progress);
    const low = offsets.find(({ partition }) => partition === lane)?.low ?? '0';
    const progress: LaneProgress = new Map();
    this.#reads.get(lane)?.fail(new Error(`lane ${lane} is read anew`));
    let reading: Reading | undefined;
    const end = new Promise<void>((done, fail) => {
      reading = { mark, low, begun: false, progress, done, fail };
      this.#reads.set(lane, reading);
    });
    const at = { topic: TOPICS.progress, partition: lane };
    try {
      await this.#marks.send({
        topic: at.topic,
        messages: [{ key: mark, value: null, partition: lane }],
        acks: -1,
      });
      this.#consumer!.seek({ ...at, offset: low });
      this.#consumer!.resume([{ topic: at.topic, partitions: [lane] }]);
      await withDeadline(
        clock,
        READ_MS,
        end,
        () => new Error(`lane ${lane} was not read to its end in time`),
      );
      return progress;
    } finally {
      if (this.#reads.get(lane) === reading) {
        this.#reads.delete(lane);
        if (!this.#closed) this.#consumer!.pause([{ topic: at.topic, partitions: [lane] }]);
      }
    }
  }

  async #take({ batch, heartbeat }: EachBatchPayload): Promise<void> {
    const reading = this.#reads.get(batch.partition);
    if (!reading) return;
    reading.begun ||= (batch as unknown as { fetchedOffset: string }).fetchedOffset === reading.low;
    if (!reading.begun) return;
    for (const { key, value } of batch.messages) {
      const text = key?.toString() ?? '';
      if (text === reading.mark) return reading.done();
      if (!text.startsWith(MARK)) keepProgress(reading.progress, text, value);
    }
    await heartbeat();
  }

  /** Leaves the group, so that the others need not wait to take over. */
  async leave(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([this.#consumer?.disconnect(), this.#marks.disconnect()]);
  }
}
