import { Counter, Gauge, Registry } from 'prom-client';
import type { AcceptStats } from '../accept/accept.js';
import type { SourceStats } from '../accept/sources.js';
import type { ArchiveStats } from '../archive/archiver.js';

export function relayMetrics(
  stats: AcceptStats,
  sources: SourceStats | undefined,
  streams: { late: number } | undefined,
  archive: ArchiveStats | undefined,
): Registry {
  const registry = new Registry();
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name: `coldwatch_relay_${name}_total`,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `coldwatch_relay_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  counter('batches', 'Batches made durable.', () => stats.batches);
  counter('rows', 'Rows of those batches, repeated ones included.', () => stats.rows);
  counter('batches_refused', 'Batches refused for their content.', () => stats.refused);
  counter('batches_throttled', 'Batches answered 429.', () => stats.throttled);
  gauge('rows_under_way', 'Rows received and not yet durable.', () => stats.rowsUnderWay);
  if (sources) {
    counter('events', 'Events of other sources made durable.', () => sources.accepted);
    counter('events_repeated', 'Events that were there already.', () => sources.repeated);
    counter('events_refused', 'Events that went to dead.letter.', () => sources.refused);
  }
  if (streams)
    counter('stream_rows_late', 'Rows too late for patterns; aggregates have them.', () => streams.late);
  if (archive) {
    counter('archive_records', 'Records put away, repeated ones included.', () => archive.stored);
    counter('archive_refused', 'Records that are none of ours.', () => archive.refused);
    gauge('archive_behind_seconds', 'How far the archive is behind the log.', () => archive.behindMs / 1000);
  }
  return registry;
}
