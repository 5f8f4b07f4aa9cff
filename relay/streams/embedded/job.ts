import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { type Clock, every } from '../../../core/clock/clock.js';
import { TOPICS } from '../../../core/contract/messages.js';
import { STREAM_TOPICS, type StreamTopic } from '../../../core/contract/streams.js';
import { logged } from '../../../core/errors.js';
import { type Log, type Published, REMEMBERED_MS, type StoredRecord } from '../../log/port.js';
import { PATIENCE_MS, SILENT_MINUTES } from '../meaning.js';
import { begunBefore } from './standing.js';
import { STREAM_INPUTS, type StreamRecord, type StreamSettings, Streams } from './streams.js';

/** What of the past is read again after a start, so that windows and patterns know it: what was told is not told again. */
const LOOK_BACK_MS = REMEMBERED_MS - 3_600_000;
/** Changes are written together, the last of each key: a window that fills with sixty readings is not sixty records. */
const FLUSH_MS = 1000;
/** Announcements that arrived while those before them were read; clocks of brokers differ. */
const AGAIN_SENSORS_MS = 60_000;
const MEASURED = STREAM_INPUTS.filter((topic) => topic !== TOPICS.sensors);
/** A clock says that all are silent only once they had the time to be heard. */
const LISTENED_MS = (SILENT_MINUTES + 1) * 60_000 + PATIENCE_MS;

/** Records of one topic that were written, and the tombstones among them. */
export interface Written {
  records: number;
  taken_back: number;
}

export interface RunningStreams {
  readonly late: number;
  readonly watermark: number | undefined;
  readonly written: ReadonlyMap<StreamTopic, Written>;
  stop(): Promise<void>;
}

/** The streams in this very process, over whatever log it has. */
export async function runStreams(
  log: Log,
  settings: StreamSettings,
  clock: Clock,
  logger: Logger,
): Promise<RunningStreams> {
  const changed = new Map<string, StreamRecord>();
  const startedMs = clock.wall();
  const from = startedMs - LOOK_BACK_MS;
  const keep = (record: StreamRecord) => void changed.set(`${record.topic} ${record.key}`, record);
  const streams = new Streams(settings, keep, from, () => clock.wall());
  const take = (records: readonly StoredRecord[]) => {
    for (const record of records) streams.take(record);
  };
  // What sensors are first: what they measured is judged by it.
  await log.read([TOPICS.sensors], 0, take);
  for (const begun of await begunBefore(log, from, startedMs)) streams.begun(begun);
  const tails = [
    await log.tail([TOPICS.sensors], startedMs - AGAIN_SENSORS_MS, take),
    await log.tail(MEASURED, from, take),
  ];
  const written = nothingWritten();
  const write = async () => {
    const records = [...changed];
    changed.clear();
    try {
      if (records.length === 0) return;
      const given = records.map(([, record]) => published(record));
      const { repeated } = await log.publish(given);
      count(written, given, new Set(repeated));
    } catch (error) {
      logger.warn(logged(error), 'streams wait: the log takes nothing now');
      for (const [key, record] of records) if (!changed.has(key)) changed.set(key, record);
    }
  };
  let writing: Promise<void> | undefined;
  const timer = every(clock, FLUSH_MS, () => {
    // Before that long it is not known who was heard lately: this process was not listening.
    if (clock.wall() - startedMs > LISTENED_MS) streams.pass(clock.wall());
    writing ??= write().finally(() => {
      writing = undefined;
    });
  });
  return {
    get late() {
      return streams.late;
    },
    get watermark() {
      return streams.watermark;
    },
    written,
    stop: async () => {
      timer.cancel();
      for (const tail of tails) await tail.stop();
      await writing;
      await write();
    },
  };
}

const nothingWritten = () =>
  new Map(
    Object.values(STREAM_TOPICS).map((topic): [StreamTopic, Written] => [
      topic,
      { records: 0, taken_back: 0 },
    ]),
  );

function count(
  written: ReadonlyMap<StreamTopic, Written>,
  records: readonly Published[],
  repeated: ReadonlySet<string>,
): void {
  for (const { id, topic, value } of records) {
    const counts = written.get(topic as StreamTopic)!;
    if (repeated.has(id)) continue;
    counts.records += 1;
    if (value === '') counts.taken_back += 1;
  }
}

/** A record that says the same as one of the last day is left out by its id. */
function published({ topic, key, value, timestamp, revision }: StreamRecord): Published {
  const said = `${key}\0${value}\0${revision ?? ''}`;
  const digest = createHash('sha256').update(said).digest('base64url').slice(0, 22);
  return { topic, key, value, timestamp, id: `${topic}/${digest}`, headers: {} };
}
