import type { Batch, ReadingRow } from '../../core/contract/batch.js';
import type { AlertBody } from '../../core/contract/messages.js';
import { eventTrace, readingTrace } from '../../core/identity.js';
import { fromMilli } from '../../core/units.js';
import type { Span } from './otlp.js';

/**
 * What a durable batch adds to traces: every alert, and one reading in `each`. A reading's span goes from the moment it
 * was measured to the moment it is in the log; its alert's hangs below it.
 */
export function spansOf(batch: Batch, each: number, nowMs: number): Span[] {
  if (batch.stream === 'events') {
    return batch.rows.flatMap((row, i) =>
      row.type === 'alert' ? [alertSpan(batch, row.alert, batch.from + i, nowMs)] : [],
    );
  }
  if (batch.stream !== 'readings') return [];
  return batch.rows.flatMap((row, i) =>
    (batch.from + i) % each === 0 ? [readingSpan(batch, row, batch.from + i, nowMs)] : [],
  );
}

function readingSpan(batch: Batch, row: ReadingRow, seq: number, nowMs: number): Span {
  const { clinic, gateway, epoch, backfill } = batch;
  return {
    ...readingTrace(epoch, seq),
    name: `reading ${row.quantity}`,
    startMs: row.measuredAt,
    endMs: nowMs,
    attributes: { clinic, gateway, sensor: row.sensor, seq, backfill, value: fromMilli(row.milli) },
  };
}

function alertSpan(batch: Batch, alert: AlertBody, seq: number, nowMs: number): Span {
  const { clinic, gateway, epoch } = batch;
  const { alert_type, state, sensor, rule, severity, episode_id } = alert;
  return {
    ...eventTrace(epoch, seq, alert.reading_seq),
    name: `alert ${alert_type} ${state}`,
    startMs: Date.parse(alert.timestamp),
    endMs: nowMs,
    attributes: { clinic, gateway, sensor, seq, rule, severity, episode_id },
  };
}
