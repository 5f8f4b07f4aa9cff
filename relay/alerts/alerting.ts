import type { Logger } from 'pino';
import { type Clock, sleep } from '../../core/clock/clock.js';
import { type AlertMessage, alertTimes, placeOf, TOPICS } from '../../core/contract/messages.js';
import {
  type Finding,
  type FindingSubject,
  findingOfKey,
  STREAM_TOPICS,
  subjectOf,
} from '../../core/contract/streams.js';
import { eventTrace } from '../../core/identity.js';
import { Decoder, type Message } from '../log/decode.js';
import { headersOf } from '../log/headers.js';
import { type Duty, type OwnRing, runDuty } from '../log/own-ring.js';
import type { Log, LogRecord, Position, StoredRecord } from '../log/port.js';
import { type AlertingKind, type CentralAlert, Episodes } from './episodes.js';
import { ALERTS_BACK_MS, RELAY_GATEWAY } from './port.js';

const FINDINGS_BACK_MS = 86_400_000;
const LOOK_MS = 1000;
/** Findings that wait for the next look: beyond, no more is read until they are through. */
const WAITING_MAX = 50_000;

export interface AlertsStats {
  /** Episodes that stand. */
  open: number;
  raised: number;
  /** Records of findings, the tombstones that took some back among them, and records that are none of ours. */
  found: number;
  taken_back: number;
  foreign: number;
}

/** What is said about a finding last; `found` undefined: it was taken back. */
interface Heard {
  about: FindingSubject;
  found: Finding | undefined;
}

/** Findings, whoever made them, become alerts in `alerts`, once each: in one relay at a time, numbered like a gateway's. */
export function runAlerts(
  log: Log,
  kinds: readonly AlertingKind[],
  clock: Clock,
  logger: Logger,
): { stats: AlertsStats; duty: Duty } {
  const stats: AlertsStats = { open: 0, raised: 0, found: 0, taken_back: 0, foreign: 0 };
  const duty = runDuty(log, RELAY_GATEWAY, 'events', clock, logger, async (ring, stop) => {
    const episodes = await told(log, kinds, clock);
    const since = clock.wall() - FINDINGS_BACK_MS;
    const inbox = new Inbox(since, stats);
    const tell = async () => {
      const now = clock.wall();
      const alerts = inbox.take().flatMap(({ about, found }) => episodes.take(about, found, now));
      alerts.push(...episodes.tick(now));
      await ring.append(alerts.map((alert) => (seq) => alertRecord(ring, alert, seq)));
      stats.open = episodes.open;
      stats.raised += alerts.filter(({ state }) => state === 'raised').length;
    };
    // To its end first: of what was said and taken back while nobody looked, only what stands is told.
    await log.read([STREAM_TOPICS.findings], since, async (records) => {
      inbox.put(records);
      if (inbox.full) await tell();
    });
    await tell();
    const tail = await log.tail([STREAM_TOPICS.findings], inbox.positions(), async (records) => {
      inbox.put(records);
      while (inbox.full && !stop.aborted) await sleep(clock, LOOK_MS, stop);
    });
    try {
      while (!stop.aborted) {
        await sleep(clock, LOOK_MS, stop);
        await tell();
      }
    } finally {
      stats.open = 0;
      await tail.stop();
    }
  });
  return { stats, duty };
}

/** What was told before this start, and still stands. */
async function told(log: Log, kinds: readonly AlertingKind[], clock: Clock): Promise<Episodes> {
  const episodes = new Episodes(kinds);
  const decoder = new Decoder([TOPICS.alerts]);
  await log.read([TOPICS.alerts], clock.wall() - ALERTS_BACK_MS, (records) => {
    for (const { value } of decoder.decode(records)) {
      if (value?.gateway === RELAY_GATEWAY) episodes.restore(value, clock.wall());
    }
  });
  return episodes;
}

/** Findings between two looks: of each only what was said last, in the order of event time whatever partition gave it. */
class Inbox {
  readonly #since: number;
  readonly #stats: AlertsStats;
  readonly #decoder = new Decoder([STREAM_TOPICS.findings]);
  readonly #positions = new Map<number, Position>();
  #waiting = new Map<string, Heard>();

  constructor(since: number, stats: AlertsStats) {
    this.#since = since;
    this.#stats = stats;
  }

  get full(): boolean {
    return this.#waiting.size >= WAITING_MAX;
  }

  put(records: readonly StoredRecord[]): void {
    for (const record of records) {
      const { topic, partition, offset, arrivedMs } = record;
      this.#positions.set(partition, { topic, partition, offset: String(BigInt(offset) + 1n), arrivedMs });
      // Of partitions that nobody has written to since, all of the past comes.
      if (arrivedMs < this.#since) continue;
      const message = this.#decoder.one(record);
      this.#stats.foreign = this.#decoder.foreign;
      if (!message) continue;
      this.#stats.found += 1;
      if (message.value === null) this.#stats.taken_back += 1;
      const heard = heardOf(message);
      this.#waiting.delete(record.key);
      if (heard) this.#waiting.set(record.key, heard);
    }
  }

  take(): Heard[] {
    const taken = [...this.#waiting.values()];
    this.#waiting = new Map();
    return taken.sort((a, b) => a.about.at - b.about.at);
  }

  positions(): Position[] {
    return [...this.#positions.values()];
  }
}

/** The key says what a finding is about, also when its value was taken back. */
function heardOf({ value, record }: Message<typeof STREAM_TOPICS.findings>): Heard | undefined {
  if (value !== null) return { about: subjectOf(value), found: value };
  const about = findingOfKey(record.key);
  return about && { about, found: undefined };
}

function alertRecord({ gateway, epoch }: OwnRing, alert: CentralAlert, seq: number): LogRecord {
  const message: AlertMessage = { ...alert, gateway, epoch, seq, ...alertTimes(alert) };
  return {
    topic: TOPICS.alerts,
    key: `${placeOf(alert)}/${alert.sensor}`,
    value: JSON.stringify(message),
    headers: headersOf({ gateway, epoch, seq, backfill: false }, eventTrace(epoch, seq)),
    timestamp: Date.parse(alert.timestamp),
  };
}
