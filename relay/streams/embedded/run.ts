import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { type Clock, every } from '../../../core/clock/clock.js';
import { messageOf } from '../../../core/errors.js';
import { type Log, type Published, REMEMBERED_MS } from '../../log/port.js';
import { STREAM_INPUTS, type StreamRecord, type StreamSettings, Streams } from './streams.js';

/** What of the past is read again after a start, so that windows and patterns know it: what was told is not told again. */
const LOOK_BACK_MS = REMEMBERED_MS - 3_600_000;
/** Changes are written together, the last of each key: a window that fills with sixty readings is not sixty records. */
const FLUSH_MS = 1000;

export interface RunningStreams {
  readonly late: number;
  readonly watermark: number | undefined;
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
  const from = clock.wall() - LOOK_BACK_MS;
  const keep = (record: StreamRecord) => void changed.set(`${record.topic} ${record.key}`, record);
  const streams = new Streams(settings, keep, from, () => clock.wall());
  const tail = await log.tail(STREAM_INPUTS, from, (records) => {
    for (const record of records) streams.take(record);
  });
  let flushing: Promise<void> | undefined;
  const flush = async () => {
    const records = [...changed];
    changed.clear();
    try {
      if (records.length > 0) await log.publish(records.map(([, record]) => published(record)));
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'streams wait: the log takes nothing now');
      for (const [key, record] of records) if (!changed.has(key)) changed.set(key, record);
    } finally {
      flushing = undefined;
    }
  };
  const timer = every(clock, FLUSH_MS, () => {
    flushing ??= flush();
  });
  return {
    get late() {
      return streams.late;
    },
    get watermark() {
      return streams.watermark;
    },
    stop: async () => {
      timer.cancel();
      await tail.stop();
      await flushing;
      await flush();
    },
  };
}

/** A record that says the same as one of the last day is left out by its id. */
function published({ topic, key, value, timestamp, revision }: StreamRecord): Published {
  const said = `${key}\0${value}\0${revision ?? ''}`;
  const digest = createHash('sha256').update(said).digest('base64url').slice(0, 22);
  return { topic, key, value, timestamp, id: `${topic}/${digest}`, headers: {} };
}
