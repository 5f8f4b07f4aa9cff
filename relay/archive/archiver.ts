import type { Logger } from 'pino';
import { type Clock, every, sleep } from '../../core/clock/clock.js';
import {
  type AlertMessage,
  alertMessageSchema,
  type ReadingMessage,
  readingMessageSchema,
  TOPICS,
} from '../../core/contract/messages.js';
import { type SensorAggregate, STREAM_TOPICS, sensorAggregateSchema } from '../../core/contract/streams.js';
import { messageOf } from '../../core/errors.js';
import { jsonOf } from '../../core/payload.js';
import { retrySchedule } from '../../core/retry.js';
import type { Log, LogTopic, StoredRecord } from '../log/port.js';
import type { Archive } from './port.js';

export const ARCHIVED: readonly LogTopic[] = [
  TOPICS.temperature,
  TOPICS.status,
  TOPICS.alerts,
  STREAM_TOPICS.sensor5m,
];

const FLUSH_MS = 1000;
/** Read again after a start: clocks of brokers differ, and putting away twice changes nothing. */
const OVERLAP_MS = 600_000;
const TIDY_MS = 3_600_000;
/** Records that wait for an archive that is away: beyond this, reading starts anew from where the archive is. */
const WAITING_MAX = 200_000;
const CHUNK = 5000;

export interface ArchiveStats {
  stored: number;
  /** Records that are none of ours. */
  refused: number;
  /** How far behind the archive is, ms. */
  behindMs: number;
}

export interface KeepFor {
  readingsMs: number;
  aggregatesMs: number;
}

/** Puts away what comes into the log. It only reads: a slow or dead archive costs gateways nothing. */
export class Archiver {
  readonly stats: ArchiveStats = { stored: 0, refused: 0, behindMs: 0 };
  readonly #log: Log;
  readonly #open: () => Promise<Archive>;
  #archive: Archive | undefined;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #keep: KeepFor;
  readonly #stop = new AbortController();
  #work: Promise<void> = Promise.resolve();

  constructor(log: Log, open: () => Promise<Archive>, keep: KeepFor, clock: Clock, logger: Logger) {
    this.#log = log;
    this.#open = open;
    this.#keep = keep;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** For queries; undefined while its database has not been reached. */
  get archive(): Archive | undefined {
    return this.#archive;
  }

  start(): void {
    this.#work = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#work;
    await this.#archive?.close();
  }

  async #run(): Promise<void> {
    const delays = retrySchedule({ firstMs: 1000, maxMs: 60_000 }, Math.random);
    while (!this.#stop.signal.aborted) {
      try {
        this.#archive ??= await this.#open();
        await this.#follow(this.#archive);
      } catch (error) {
        this.#logger.warn({ error: messageOf(error) }, 'the archive takes nothing now: trying again');
        await sleep(this.#clock, delays.next().value, this.#stop.signal);
      }
    }
  }

  /** From where the archive is until it fails or we stop. */
  async #follow(archive: Archive): Promise<void> {
    const since = Math.max(0, (await archive.through()) - OVERLAP_MS);
    let waiting: StoredRecord[] = [];
    let overflow = false;
    const tail = await this.#log.tail(ARCHIVED, since, (records) => {
      if (waiting.length + records.length > WAITING_MAX) overflow = true;
      else waiting.push(...records);
    });
    let tidyDue = true;
    const timer = every(this.#clock, TIDY_MS, () => {
      tidyDue = true;
    });
    try {
      for (;;) {
        const last = this.#stop.signal.aborted;
        // What is delivered from here on arrived at most a moment before.
        const through = this.#clock.wall() - FLUSH_MS;
        const records = waiting;
        waiting = [];
        for (let i = 0; i < records.length; i += CHUNK) {
          const end = i + CHUNK >= records.length;
          await putAway(archive, records.slice(i, i + CHUNK), end ? through : since, this.stats);
        }
        this.stats.behindMs = waiting.length > 0 ? this.#clock.wall() - through : 0;
        if (overflow) return;
        if (tidyDue) await this.#tidy(archive);
        tidyDue = false;
        if (last) return;
        await sleep(this.#clock, FLUSH_MS, this.#stop.signal);
      }
    } finally {
      timer.cancel();
      await tail.stop();
    }
  }

  async #tidy(archive: Archive): Promise<void> {
    const now = this.#clock.wall();
    await archive.tidy(now - this.#keep.readingsMs, now - this.#keep.aggregatesMs);
  }
}

/** Everything that the log still has, into an archive that may be empty. Returns how many records. */
export async function rebuild(log: Log, archive: Archive, clock: Clock): Promise<ArchiveStats> {
  const stats: ArchiveStats = { stored: 0, refused: 0, behindMs: 0 };
  const through = clock.wall();
  let work: Promise<void> = Promise.resolve();
  await archive.clear();
  await log.read(ARCHIVED, 0, (records) => {
    work = work.then(() => putAway(archive, records, 0, stats));
  });
  await work;
  await archive.store({ readings: [], aggregates: [], alerts: [], throughMs: through });
  return stats;
}

async function putAway(
  archive: Archive,
  records: readonly StoredRecord[],
  throughMs: number,
  stats: ArchiveStats,
): Promise<void> {
  const readings: ReadingMessage[] = [];
  const aggregates: SensorAggregate[] = [];
  const alerts: AlertMessage[] = [];
  for (const { topic, value } of records) {
    const json = jsonOf(value);
    const taken =
      topic === TOPICS.alerts
        ? keep(alerts, alertMessageSchema.safeParse(json))
        : topic === STREAM_TOPICS.sensor5m
          ? keep(aggregates, sensorAggregateSchema.safeParse(json))
          : keep(readings, readingMessageSchema.safeParse(json));
    if (!taken) stats.refused += 1;
  }
  await archive.store({ readings, aggregates, alerts, throughMs });
  stats.stored += records.length;
}

function keep<T>(list: T[], parsed: { success: true; data: T } | { success: false }): boolean {
  if (parsed.success) list.push(parsed.data);
  return parsed.success;
}
