import type { Logger } from 'pino';
import { type Clock, every, sleep } from '../../core/clock/clock.js';
import { type AlertMessage, type ReadingMessage, TOPICS } from '../../core/contract/messages.js';
import { STREAM_TOPICS } from '../../core/contract/streams.js';
import { logged } from '../../core/errors.js';
import { retrySchedule } from '../../core/retry.js';
import { Decoder } from '../log/decode.js';
import type { Hole, Log, Position, StoredRecord, Tail } from '../log/port.js';
import { type Archive, type ArchiveRows, Emptied, type StoredAggregate } from './port.js';
import { Room } from './room.js';

const ARCHIVED = [TOPICS.temperature, TOPICS.status, TOPICS.alerts, STREAM_TOPICS.sensor5m] as const;

/** Records come singly and are put away together: a transaction a second is enough. */
const FLUSH_MS = 1000;
const TIDY_MS = 3_600_000;
const BEHIND_MS = 5000;
/** Records in one transaction: handing over more at once would hold up the relay. While as many wait, nothing is read. */
const CHUNK = 2000;

export interface ArchiveStats {
  stored: number;
  /** Records that are none of ours. */
  refused: number;
  /** Records that the log let go before they were put away. */
  lost: number;
  /** In the log and not in the archive. */
  behindRecords: number;
  /** Since when the first of them is in the log, ms; null where there is none. */
  behindSinceMs: number | null;
}

const none = (): ArchiveStats => ({
  stored: 0,
  refused: 0,
  lost: 0,
  behindRecords: 0,
  behindSinceMs: null,
});

export interface KeepFor {
  readingsMs: number;
  aggregatesMs: number;
}

/** Puts away what comes into the log. It only reads: a slow or dead archive costs gateways nothing. */
export class Archiver {
  readonly stats = none();
  readonly #log: Log;
  readonly #open: () => Promise<Archive>;
  #archive: Archive | undefined;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #keep: KeepFor;
  readonly #stop = new AbortController();
  #work: Promise<void> = Promise.resolve();
  #tidiedMs = Number.NEGATIVE_INFINITY;

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

  /** How long the first record waits that is not put away. */
  get behindMs(): number {
    const { behindSinceMs: since } = this.stats;
    return since === null ? 0 : Math.max(0, this.#clock.wall() - since);
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
    let delays = retrySchedule({ firstMs: 1000, maxMs: 60_000 }, Math.random);
    while (!this.#stop.signal.aborted) {
      const before = this.stats.stored;
      try {
        this.#archive ??= await this.#open();
        await this.#follow(this.#archive);
      } catch (error) {
        this.stats.behindSinceMs ??= this.#clock.wall();
        if (!(error instanceof Emptied)) await this.#drop();
        this.#logger.warn(logged(error), 'the archive takes nothing now: trying again');
        if (this.stats.stored > before) delays = retrySchedule({ firstMs: 1000, maxMs: 60_000 }, Math.random);
        await sleep(this.#clock, delays.next().value, this.#stop.signal);
      }
    }
  }

  /** It is opened anew: nobody knows what state it was left in. */
  async #drop(): Promise<void> {
    const archive = this.#archive;
    this.#archive = undefined;
    await archive?.close().catch(() => {});
  }

  /** From where the archive is until it fails or we stop. */
  async #follow(archive: Archive): Promise<void> {
    const { generation, positions } = await archive.reached();
    const room = new Room(CHUNK);
    const wake = () => room.wake();
    this.#stop.signal.addEventListener('abort', wake);
    const tail = await this.#log.tail(
      ARCHIVED,
      positions,
      (records) => room.add(records),
      (hole) => this.#tellHole(hole),
    );
    void this.#look(tail, room);
    const look = every(this.#clock, BEHIND_MS, () => void this.#look(tail, room));
    try {
      for (;;) {
        const last = this.#stop.signal.aborted;
        await putAway(archive, room.take(), generation, this.stats);
        await this.#tidy(archive);
        if (last) return;
        if (!this.#stop.signal.aborted) await room.full(this.#clock, FLUSH_MS);
      }
    } finally {
      this.#stop.signal.removeEventListener('abort', wake);
      look.cancel();
      room.close();
      await tail.stop();
    }
  }

  async #look(tail: Tail, room: Room): Promise<void> {
    try {
      const { records, sinceMs } = await tail.behind();
      this.stats.behindRecords = records + room.size;
      this.stats.behindSinceMs = sinceMs ?? room.sinceMs;
    } catch {
      // A log that does not answer: what was known last is the best there is.
    }
  }

  #tellHole({ why, wanted, found, ...place }: Hole): void {
    if (why === 'gone') this.stats.lost += Number(BigInt(found) - BigInt(wanted));
    const what =
      why === 'gone'
        ? 'the log let records go before they were put away: they are missing in the archive'
        : 'a topic was made anew: it is put away from its beginning';
    this.#logger.error({ ...place, wanted, found }, what);
  }

  async #tidy(archive: Archive): Promise<void> {
    if (this.#clock.mono() - this.#tidiedMs < TIDY_MS) return;
    const now = this.#clock.wall();
    await archive.tidy(now - this.#keep.readingsMs, now - this.#keep.aggregatesMs);
    this.#tidiedMs = this.#clock.mono();
  }
}

/** Everything that the log still has, into an archive that is emptied first. */
export async function rebuild(log: Log, archive: Archive): Promise<ArchiveStats> {
  const stats = none();
  await archive.clear();
  const { generation } = await archive.reached();
  await log.read(ARCHIVED, 0, (records) => putAway(archive, records, generation, stats));
  return stats;
}

async function putAway(
  archive: Archive,
  records: readonly StoredRecord[],
  generation: number,
  stats: ArchiveStats,
): Promise<void> {
  for (let i = 0; i < records.length; i += CHUNK) {
    const chunk = records.slice(i, i + CHUNK);
    const decoder = new Decoder(ARCHIVED);
    await archive.store(rowsOf(chunk, decoder), generation);
    stats.stored += chunk.length;
    stats.refused += decoder.foreign;
  }
}

function rowsOf(records: readonly StoredRecord[], decoder: Decoder<(typeof ARCHIVED)[number]>): ArchiveRows {
  const readings: ReadingMessage[] = [];
  const aggregates: StoredAggregate[] = [];
  const alerts: AlertMessage[] = [];
  for (const { topic, value, record } of decoder.decode(records)) {
    if (value === null) continue;
    if (topic === TOPICS.alerts) alerts.push(value);
    else if (topic === STREAM_TOPICS.sensor5m) aggregates.push({ ...value, said: record.arrivedMs });
    else readings.push(value);
  }
  return { readings, aggregates, alerts, positions: positionsAfter(records) };
}

function positionsAfter(records: readonly StoredRecord[]): Position[] {
  const last = new Map(records.map((record) => [`${record.topic}/${record.partition}`, record]));
  return [...last.values()].map(({ topic, partition, offset, arrivedMs }) => ({
    topic,
    partition,
    offset: String(BigInt(offset) + 1n),
    arrivedMs,
  }));
}
