import type { Admin, Consumer, Kafka, Producer } from 'kafkajs';
import type { Logger } from 'pino';
import type { Clock } from '../../../core/clock/clock.js';
import { logged } from '../../../core/errors.js';
import { clusterOf } from './client.js';
import { PartitionReader } from './fetch.js';
import { offsetsOf, refuseCut, refuseNew } from './lost.js';
import type { Names } from './names.js';
import { LaneContents, MARK } from './progress.js';
import { laneAssigner, lanesOf, memberOf } from './spread.js';

/** A relay that dies is noticed after this long (the least that Kafka's brokers allow by default). */
const SESSION_MS = 6000;
const HEARTBEAT_MS = 1000;
const REBALANCE_MS = 10_000;
/** Between heartbeats: this consumer fetches nothing. */
const IDLE_MS = 200;
const RESTART_MS = 1000;
/** For so long the answer to "who has this lane" is believed. */
const OWNERS_MS = 1000;

export interface LaneGroupOptions {
  kafka: Kafka;
  admin: Admin;
  names: Names;
  clock: Clock;
  log: Logger;
  lanes: number;
  /** Where gateways reach this relay, if they can reach it alone. */
  url: string | null;
  /** The lanes that are ours from now on. */
  onAssigned: (lanes: readonly number[]) => void;
}

/**
 * This relay's membership in the consumer group that owns the lanes, one for each partition of gateway.progress.
 * The consumer says who is there and consumes nothing: what a lane holds is read when it is opened.
 */
export class LaneGroup {
  readonly #options: LaneGroupOptions;
  readonly #groupId: string;
  readonly #topic: string;
  readonly #marks: Producer;
  readonly #reader: PartitionReader;
  #consumer: Consumer | undefined;
  #owned: readonly number[] = [];
  #owners: { atMs: number; urls: Map<number, string | null> } | undefined;
  #closed = false;

  constructor(options: LaneGroupOptions) {
    this.#options = options;
    this.#groupId = options.names.id('lanes');
    this.#topic = options.names.progress;
    this.#marks = options.kafka.producer({ allowAutoTopicCreation: false });
    this.#reader = new PartitionReader(options.kafka, options.clock);
  }

  async join(): Promise<void> {
    await this.#marks.connect();
    await this.#dismissPredecessor().catch((error: unknown) => {
      this.#options.log.debug(logged(error), 'the group of relays was not looked at before joining');
    });
    await this.#consume();
  }

  /**
   * A relay that was killed is a member until its session ends, and the group waits for it. Whoever is at our own address
   * cannot be there any more; should it be after all, it joins again.
   */
  async #dismissPredecessor(): Promise<void> {
    const { kafka, admin, url } = this.#options;
    if (url === null) return;
    const { groups } = await admin.describeGroups([this.#groupId]);
    const gone = (groups[0]?.members ?? []).filter(
      ({ memberMetadata }) => memberMetadata.length > 0 && memberOf(memberMetadata).url === url,
    );
    if (gone.length === 0) return;
    const cluster = clusterOf(kafka);
    try {
      await cluster.connect();
      const coordinator = await cluster.findGroupCoordinator({ groupId: this.#groupId });
      for (const { memberId } of gone) await coordinator.leaveGroup({ groupId: this.#groupId, memberId });
    } finally {
      await cluster.disconnect();
    }
  }

  async #consume(): Promise<void> {
    const { kafka, lanes, url, clock, log } = this.#options;
    const consumer = kafka.consumer({
      groupId: this.#groupId,
      sessionTimeout: SESSION_MS,
      heartbeatInterval: HEARTBEAT_MS,
      rebalanceTimeout: REBALANCE_MS,
      maxWaitTimeInMs: IDLE_MS,
      allowAutoTopicCreation: false,
      // We join again ourselves: kafkajs would wait for half a minute where Kafka was away for long.
      retry: { restartOnFailure: async () => false },
      partitionAssigners: [laneAssigner(this.#topic, lanes, () => ({ url, lanes: [...this.#owned] }))],
    });
    this.#consumer = consumer;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.#owners = undefined;
      this.#owned = payload.memberAssignment[this.#topic] ?? [];
      if (this.#owned.length > 0) consumer.pause([{ topic: this.#topic, partitions: [...this.#owned] }]);
      log.info({ lanes: this.#owned }, 'lanes of this relay');
      if (url === null && this.#owned.length < lanes)
        log.warn(
          'other relays share this Kafka, and this one names no http.public_url: gateways that come to them cannot be sent here',
        );
      this.#options.onAssigned(this.#owned);
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (this.#closed) return;
      log.warn(logged(payload.error), 'out of the group of relays: joining again');
      clock.after(RESTART_MS, () => void this.#rejoin(consumer));
    });
    await consumer.connect();
    await consumer.subscribe({ topic: this.#topic, fromBeginning: true });
    await consumer.run({ autoCommit: false, eachBatch: async () => {} });
  }

  async #rejoin(old: Consumer): Promise<void> {
    await old.disconnect().catch(() => {});
    if (this.#closed) return;
    await this.#consume().catch((error: unknown) => {
      this.#options.log.warn(logged(error), 'the group of relays cannot be joined');
      this.#options.clock.after(RESTART_MS, () => void this.#rejoin(this.#consumer!));
    });
  }

  /** Where the relay that has this lane can be reached; null when nobody knows. */
  async ownerOf(lane: number): Promise<string | null> {
    const now = this.#options.clock.mono();
    if (!this.#owners || now - this.#owners.atMs > OWNERS_MS) {
      const urls = new Map<number, string | null>();
      const { groups } = await this.#options.admin.describeGroups([this.#groupId]);
      for (const { memberMetadata, memberAssignment } of groups[0]?.members ?? []) {
        for (const owned of lanesOf(memberAssignment, this.#topic))
          urls.set(owned, memberOf(memberMetadata).url);
      }
      this.#owners = { atMs: now, urls };
    }
    return this.#owners.urls.get(lane) ?? null;
  }

  /**
   * Reads a lane of ours to its end, once its former owner is shut out. The end is a mark written behind everything
   * that was committed before (a tombstone, which compaction removes): what a broker calls the end may for a moment be
   * less than what it has promised to keep.
   */
  async read(lane: number): Promise<LaneContents> {
    const { admin, names } = this.#options;
    const at = { topic: this.#topic, partition: lane };
    const offsets = await offsetsOf(admin, this.#topic);
    const mine = offsets.find(({ partition }) => partition === lane);
    if (!mine) throw new Error(`${this.#topic} has no partition ${lane}`);
    await refuseNew(admin, names, this.#reader, offsets);
    const marked = await this.#marks.send({
      topic: at.topic,
      messages: [{ key: MARK, value: null, partition: lane }],
      acks: -1,
    });
    const contents = new LaneContents();
    await this.#reader.read(at, mine.low, BigInt(marked[0]!.baseOffset!), (messages) =>
      contents.take(messages),
    );
    refuseCut(names, mine, contents.begins);
    return contents;
  }

  /** Leaves the group, so that the others need not wait to take over. */
  async leave(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([this.#consumer?.disconnect(), this.#marks.disconnect(), this.#reader.close()]);
  }
}
