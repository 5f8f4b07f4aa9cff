import { Counter, Gauge, Registry } from 'prom-client';
import type { AcceptStats } from '../accept/accept.js';
import type { SourceCounts, SourceStats } from '../accept/sources.js';
import type { AlertsStats } from '../alerts/alerting.js';
import type { ArchiveStats } from '../archive/archiver.js';
import type { Lag } from '../log/port.js';
import type { RunningStreams, Written } from '../streams/embedded/job.js';
import type { OtlpStats } from '../traces/otlp.js';
import type { WebStats } from '../web/server.js';

/** Where each number comes from; what a relay does not do is undefined. */
export interface Measured {
  web: WebStats;
  accept: AcceptStats;
  sources: SourceStats;
  streams: RunningStreams | undefined;
  alerts: AlertsStats;
  schemas: { book: { count: number }; refused: number } | undefined;
  traces: OtlpStats | undefined;
  archive: { readonly stats: ArchiveStats; readonly behindMs: number } | undefined;
  lag: () => Promise<Lag[]>;
  unreadable: () => number;
}

export function relayMetrics({
  web,
  accept,
  sources,
  streams,
  alerts,
  schemas,
  traces,
  archive,
  lag,
  unreadable,
}: Measured): Registry {
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
  counter('batches', 'Batches made durable.', () => accept.batches);
  counter('rows', 'Rows of those batches, repeated ones included.', () => accept.rows);
  counter(
    'sensors_taken_back',
    'Sensors that gateways have no more: tombstones in iot.sensors.',
    () => accept.sensorsTakenBack,
  );
  counter('batches_refused', 'Batches refused for their content.', () => accept.refused);
  counter('batches_throttled', 'Batches answered 429.', () => accept.throttled);
  gauge('rows_under_way', 'Rows received and not yet durable.', () => accept.rowsUnderWay);
  gauge('connections', 'Connections that are open.', () => web.open);
  counter('connections_refused', 'Connections closed as there were too many.', () => web.refused);
  counter('alerts', 'Alerts raised from findings of the streams.', () => alerts.raised);
  counter('findings', 'Records of findings read.', () => alerts.found);
  counter('findings_taken_back', 'Those of them that took a finding back.', () => alerts.taken_back);
  counter('findings_foreign', 'Records among the findings that are none of ours.', () => alerts.foreign);
  gauge('progress_unreadable', 'Records of gateways’ progress that are none of ours.', unreadable);
  gauge('alerts_open', 'Episodes of those that stand.', () => alerts.open);
  const perSource = (name: string, help: string, read: (counts: SourceCounts) => number) =>
    new Counter({
      name: `coldwatch_relay_${name}_total`,
      help,
      labelNames: ['source'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [source, counts] of sources) this.inc({ source }, read(counts));
      },
    });
  perSource('events', 'Events of other sources made durable.', (counts) => counts.accepted);
  perSource('events_repeated', 'Events that were there already.', (counts) => counts.repeated);
  perSource('events_refused', 'Events that went to dead.letter.', (counts) => counts.refused);
  const perTopic = (
    name: string,
    help: string,
    { written }: RunningStreams,
    read: (counts: Written) => number,
  ) =>
    new Counter({
      name: `coldwatch_relay_${name}_total`,
      help,
      labelNames: ['topic'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [topic, counts] of written) this.inc({ topic }, read(counts));
      },
    });
  if (streams) {
    counter('stream_rows_late', 'Rows too late for patterns; aggregates have them.', () => streams.late);
    const help = 'Event time that the streams of this process have passed; 0 before the first reading.';
    gauge('stream_watermark_seconds', help, () => (streams.watermark ?? 0) / 1000);
    perTopic('stream_records', 'Records that the streams of this process wrote.', streams, (w) => w.records);
    const back = 'Those of them that took back what stood under their key: tombstones.';
    perTopic('stream_taken_back', back, streams, (w) => w.taken_back);
  }
  if (schemas) {
    gauge('schemas', 'Schemas that the registry has.', () => schemas.book.count);
    const help = 'Schemas refused as readers of what was written before could not follow.';
    counter('schemas_refused', help, () => schemas.refused);
  }
  if (traces) {
    counter('spans', 'Spans that the trace collector took.', () => traces.exported);
    counter('spans_dropped', 'Spans that it did not take.', () => traces.dropped);
  }
  if (archive) {
    const { stats } = archive;
    counter('archive_records', 'Records put away, repeated ones included.', () => stats.stored);
    counter('archive_refused', 'Records that are none of ours.', () => stats.refused);
    counter('archive_lost', 'Records that the log let go before they were put away.', () => stats.lost);
    gauge('archive_behind_records', 'Records of the log not yet put away.', () => stats.behindRecords);
    gauge('archive_behind_seconds', 'How long the first of them waits.', () => archive.behindMs / 1000);
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
