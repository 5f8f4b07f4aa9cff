import { Counter, Gauge, Registry } from 'prom-client';
import type { AcceptStats } from '../accept/accept.js';
import type { SourceCounts, SourceStats } from '../accept/sources.js';
import type { AlertsStats } from '../alerts/alerting.js';
import type { ArchiveStats } from '../archive/archiver.js';
import type { Lag } from '../log/port.js';
import type { RunningStreams } from '../streams/embedded/job.js';
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

/** Makes metrics that ask for their number when they are read. */
class Meters {
  readonly registry = new Registry();

  counter(name: string, help: string, read: () => number): void {
    new Counter({
      name: `coldwatch_relay_${name}_total`,
      help,
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }

  gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name: `coldwatch_relay_${name}`,
      help,
      registers: [this.registry],
      collect() {
        this.set(read());
      },
    });
  }

  /** A number for each entry of a map; its key is the label. */
  each<T>(
    label: string,
    all: ReadonlyMap<string, T>,
    name: string,
    help: string,
    read: (counts: T) => number,
  ): void {
    new Counter({
      name: `coldwatch_relay_${name}_total`,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [key, counts] of all) this.inc({ [label]: key }, read(counts));
      },
    });
  }
}

export function relayMetrics(measured: Measured): Registry {
  const meters = new Meters();
  ofIntake(meters, measured);
  ofAlerts(meters, measured);
  ofStages(meters, measured);
  if (measured.archive) ofArchive(meters, measured.archive);
  new Gauge({
    name: 'coldwatch_relay_consumer_lag_records',
    help: 'How far the streams are behind the log.',
    labelNames: ['group', 'topic'],
    registers: [meters.registry],
    async collect() {
      this.reset();
      // A log that is away has an alert of its own.
      const all = await measured.lag().catch(() => []);
      for (const { group, topic, records } of all) this.set({ group, topic }, records);
    },
  });
  return meters.registry;
}

function ofIntake(meters: Meters, { accept, web, sources, unreadable }: Measured): void {
  meters.counter('batches', 'Batches made durable.', () => accept.batches);
  meters.counter('rows', 'Rows of those batches, repeated ones included.', () => accept.rows);
  meters.counter('batches_refused', 'Batches refused for their content.', () => accept.refused);
  meters.counter('batches_throttled', 'Batches answered 429.', () => accept.throttled);
  meters.gauge('rows_under_way', 'Rows received and not yet durable.', () => accept.rowsUnderWay);
  meters.gauge('connections', 'Connections that are open.', () => web.open);
  meters.counter('connections_refused', 'Connections closed as there were too many.', () => web.refused);
  meters.gauge('progress_unreadable', 'Records of gateways’ progress that are none of ours.', unreadable);
  const gone = 'Sensors that gateways have no more: tombstones in iot.sensors.';
  meters.counter('sensors_taken_back', gone, () => accept.sensorsTakenBack);
  const of = (name: string, help: string, read: (counts: SourceCounts) => number) =>
    meters.each('source', sources, name, help, read);
  of('events', 'Events of other sources made durable.', (counts) => counts.accepted);
  of('events_repeated', 'Events that were there already.', (counts) => counts.repeated);
  of('events_refused', 'Events that went to dead.letter.', (counts) => counts.refused);
}

function ofAlerts(meters: Meters, { alerts }: Measured): void {
  meters.counter('alerts', 'Alerts raised from findings of the streams.', () => alerts.raised);
  meters.counter('findings', 'Records of findings read.', () => alerts.found);
  meters.counter('findings_taken_back', 'Those of them that took a finding back.', () => alerts.taken_back);
  meters.counter(
    'findings_foreign',
    'Records among the findings that are none of ours.',
    () => alerts.foreign,
  );
  meters.gauge('alerts_open', 'Episodes of those that stand.', () => alerts.open);
}

/** What a relay may do or not. */
function ofStages(meters: Meters, { streams, schemas, traces }: Measured): void {
  if (streams) {
    const late = 'Rows too late for patterns; aggregates have them.';
    meters.counter('stream_rows_late', late, () => streams.late);
    const help = 'Event time that the streams of this process have passed; 0 before the first reading.';
    meters.gauge('stream_watermark_seconds', help, () => (streams.watermark ?? 0) / 1000);
    const wrote = 'Records that the streams of this process wrote.';
    meters.each('topic', streams.written, 'stream_records', wrote, (w) => w.records);
    const back = 'Those of them that took back what stood under their key: tombstones.';
    meters.each('topic', streams.written, 'stream_taken_back', back, (w) => w.taken_back);
  }
  if (schemas) {
    meters.gauge('schemas', 'Schemas that the registry has.', () => schemas.book.count);
    const help = 'Schemas refused as readers of what was written before could not follow.';
    meters.counter('schemas_refused', help, () => schemas.refused);
  }
  if (traces) {
    meters.counter('spans', 'Spans that the trace collector took.', () => traces.exported);
    meters.counter('spans_dropped', 'Spans that it did not take.', () => traces.dropped);
  }
}

function ofArchive(meters: Meters, archive: NonNullable<Measured['archive']>): void {
  const { stats } = archive;
  meters.counter('archive_records', 'Records put away, repeated ones included.', () => stats.stored);
  meters.counter('archive_refused', 'Records that are none of ours.', () => stats.refused);
  const lost = 'Records that the log let go before they were put away.';
  meters.counter('archive_lost', lost, () => stats.lost);
  meters.gauge('archive_behind_records', 'Records of the log not yet put away.', () => stats.behindRecords);
  const waits = 'How long the first of them waits.';
  meters.gauge('archive_behind_seconds', waits, () => archive.behindMs / 1000);
}
