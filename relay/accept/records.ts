import type { Batch, ReadingRow } from '../../core/contract/batch.js';
import {
  type AlertMessage,
  alertTimes,
  type ReadingMessage,
  type RingEvent,
  type Summary,
  type SummaryMessage,
  TOPICS,
  topicOf,
} from '../../core/contract/messages.js';
import type { SensorMessage } from '../../core/contract/sensors.js';
import { eventTrace, readingTrace } from '../../core/identity.js';
import { unpackQuality } from '../../core/quality.js';
import { fromMilli, QUANTITIES } from '../../core/units.js';
import { headersOf } from '../log/headers.js';
import type { LogRecord } from '../log/port.js';

/** A validated batch → the records that Kafka gets, one for each row, in order. */
export function recordsOf(batch: Batch): LogRecord[] {
  if (batch.stream === 'readings') {
    return batch.rows.map((row, i) => readingRecord(batch, row, batch.from + i));
  }
  if (batch.stream === 'events') return batch.rows.map((row, i) => eventRecord(batch, row, batch.from + i));
  return batch.rows.map((row, i) => summaryRecord(batch, row, batch.from + i));
}

function readingRecord(batch: Batch, row: ReadingRow, seq: number): LogRecord {
  const { clinic, gateway, epoch, backfill } = batch;
  const message: ReadingMessage = {
    clinic,
    gateway,
    sensor: row.sensor,
    quantity: row.quantity,
    value: fromMilli(row.milli),
    unit: QUANTITIES[row.quantity],
    measured_at: row.measuredAt,
    time_quality: row.estimated ? 'estimated' : 'synchronised',
    ...unpackQuality(row.quality),
    epoch,
    seq,
    backfill,
  };
  return {
    topic: topicOf(row.quantity),
    key: `${clinic}/${row.sensor}`,
    value: JSON.stringify(message),
    headers: headersOf({ gateway, epoch, seq, backfill }, readingTrace(epoch, seq)),
    timestamp: row.measuredAt,
  };
}

function summaryRecord(batch: Batch, row: Summary, seq: number): LogRecord {
  const { clinic, gateway, epoch } = batch;
  const value = (milli: number | null) => (milli === null ? null : fromMilli(milli));
  const message: SummaryMessage = {
    clinic,
    gateway,
    sensor: row.sensor,
    quantity: row.quantity,
    unit: QUANTITIES[row.quantity],
    since: row.since,
    until: row.until,
    time_quality: row.estimated ? 'estimated' : 'synchronised',
    count: row.count,
    bad: row.bad,
    min: value(row.min),
    max: value(row.max),
    mean: value(row.mean),
    seconds_outside: row.outside_ms / 1000,
    epoch,
    seq,
  };
  return {
    topic: TOPICS.summary,
    key: `${clinic}/${row.sensor}`,
    value: JSON.stringify(message),
    headers: headersOf({ ...batch, seq }, eventTrace(epoch, seq)),
    timestamp: row.until,
  };
}

function eventRecord(batch: Batch, event: RingEvent, seq: number): LogRecord {
  const { clinic, gateway, epoch } = batch;
  const cause = event.type === 'alert' ? event.alert.reading_seq : undefined;
  const headers = headersOf({ ...batch, seq }, eventTrace(epoch, seq, cause));
  if (event.type === 'alert') {
    const message: AlertMessage = { ...event.alert, clinic, gateway, epoch, seq, ...alertTimes(event.alert) };
    return {
      topic: TOPICS.alerts,
      key: `${clinic}/${event.alert.sensor}`,
      value: JSON.stringify(message),
      headers,
      timestamp: Date.parse(event.alert.timestamp),
    };
  }
  if (event.type === 'sensor') return sensorRecord(batch, event, seq, headers);
  const at = event.type === 'gap' ? event.gap.until : event.audit.at;
  return {
    topic: TOPICS.audit,
    key: `${clinic}/${gateway}`,
    value: JSON.stringify({ ...event, clinic, gateway, epoch, seq }),
    headers,
    timestamp: Date.parse(at),
  };
}

/** What a sensor is now; a value that is empty takes it out of the compacted topic. */
function sensorRecord(
  { clinic, gateway, epoch }: Batch,
  { sensor, at, is }: Extract<RingEvent, { type: 'sensor' }>,
  seq: number,
  headers: LogRecord['headers'],
): LogRecord {
  const announced_at = Date.parse(at);
  const message =
    is && ({ clinic, gateway, sensor, ...is, announced_at, epoch, seq } satisfies SensorMessage);
  return {
    topic: TOPICS.sensors,
    key: `${clinic}/${sensor}`,
    value: message === null ? '' : JSON.stringify(message),
    headers,
    timestamp: announced_at,
  };
}
