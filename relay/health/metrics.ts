import { Counter, Gauge, Registry } from 'prom-client';
import type { AcceptStats } from '../accept/accept.js';
import type { SourceStats } from '../accept/sources.js';
import type { ArchiveStats } from '../archive/archiver.js';
import type { Lag } from '../log/port.js';

export function relayMetrics(
  stats: AcceptStats,
  sources: SourceStats | undefined,
  streams: { late: number } | undefined,
  archive: ArchiveStats | undefined,
  lag: () => Promise<Lag[]>,
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
  new Gauge({
    name: 'coldwatch_relay_consumer_lag_records',
    help: 'How far the streams are behind the log.',
    labelNames: ['group', 'topic'],
    registers: [registry],
    async collect() {
      this.reset();
      // A log that is away has an alert of its own.
      const all = await lag().catch(() => []);
      for (const { group, topic, records } of all) this.set({ group, topic }, records);
    },
  });
  return registry;
}
