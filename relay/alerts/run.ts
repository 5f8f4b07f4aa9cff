import type { Logger } from 'pino';
import { type Clock, sleep } from '../../core/clock/clock.js';
import { type AlertMessage, TOPICS } from '../../core/contract/messages.js';
import { findingSchema, STREAM_TOPICS } from '../../core/contract/streams.js';
import { eventTrace } from '../../core/identity.js';
import { jsonOf } from '../../core/payload.js';
import { Decoder, type Message } from '../log/decode.js';
import { headersOf } from '../log/headers.js';
import { type Duty, type OwnRing, runDuty } from '../log/own-ring.js';
import type { Log, LogRecord, StoredRecord } from '../log/port.js';
import type { OwnName } from '../log/reserved.js';
import { type AlertingKind, type CentralAlert, Episodes, type FoundKey } from './episodes.js';

/** As whom the relay raises alerts. */
export const RELAY_GATEWAY = 'relay' satisfies OwnName;
/** Own alerts are read back so far: what stands longer than the log remembers is told once more. */
const ALERTS_BACK_MS = 30 * 86_400_000;
const FINDINGS_BACK_MS = 86_400_000;
const LOOK_MS = 1000;
/** Findings that wait for the log: beyond, reading starts anew. */
const WAITING_MAX = 100_000;

export interface AlertsStats {
  /** Episodes that stand. */
  open: number;
  raised: number;
}

/** Findings, whoever made them, become alerts in `alerts`, once each: in one relay at a time, numbered like a gateway's. */
export function runAlerts(
  log: Log,
  kinds: readonly AlertingKind[],
  clock: Clock,
  logger: Logger,
): { stats: AlertsStats; duty: Duty } {
  const stats: AlertsStats = { open: 0, raised: 0 };
  const duty = runDuty(log, RELAY_GATEWAY, 'events', clock, logger, async (ring, stop) => {
    const episodes = new Episodes(kinds);
    const told = new Decoder([TOPICS.alerts]);
    await log.read([TOPICS.alerts], clock.wall() - ALERTS_BACK_MS, (records) => {
      for (const { value } of told.decode(records)) {
        if (value?.gateway === RELAY_GATEWAY) episodes.restore(value, clock.wall());
      }
    });
    const found = new Decoder([STREAM_TOPICS.findings]);
    let waiting: StoredRecord[] = [];
    let overflow = false;
    const tail = await log.tail([STREAM_TOPICS.findings], clock.wall() - FINDINGS_BACK_MS, (records) => {
      if (waiting.length + records.length > WAITING_MAX) overflow = true;
      else waiting.push(...records);
    });
    try {
      while (!stop.aborted && !overflow) {
        const records = waiting;
        waiting = [];
        const now = clock.wall();
        const alerts = found.decode(records).flatMap((message) => fromMessage(episodes, message, now));
        alerts.push(...episodes.tick(now));
        await ring.append(alerts.map((alert) => (seq) => alertRecord(ring, alert, seq)));
        stats.open = episodes.open;
        stats.raised += alerts.filter(({ state }) => state === 'raised').length;
        await sleep(clock, LOOK_MS, stop);
      }
    } finally {
      stats.open = 0;
      await tail.stop();
    }
  });
  return { stats, duty };
}

/** The key says what a finding is about, also when its value was taken back. */
function fromMessage(
  episodes: Episodes,
  { value, record }: Message<typeof STREAM_TOPICS.findings>,
  now: number,
): CentralAlert[] {
  if (value !== null) return episodes.take(value, value, now);
  const about = findingSchema.omit({ value: true, threshold: true }).safeParse(jsonOf(record.key));
  return about.success ? episodes.take(about.data satisfies FoundKey, undefined, now) : [];
}

function alertRecord({ gateway, epoch }: OwnRing, alert: CentralAlert, seq: number): LogRecord {
  const message: AlertMessage = { ...alert, gateway, epoch, seq };
  return {
    topic: TOPICS.alerts,
    key: `${alert.clinic}/${alert.sensor}`,
    value: JSON.stringify(message),
    headers: headersOf({ gateway, epoch, seq, backfill: false }, eventTrace(epoch, seq)),
    timestamp: Date.parse(alert.timestamp),
  };
}
