import { randomUUID } from 'node:crypto';
import { TOPICS } from '../../core/contract/messages.js';
import { SOURCE_TOPICS } from '../../core/contract/sources.js';
import { BACKTEST_TOPICS } from '../../core/contract/streams.js';
import { Decoder } from '../log/decode.js';
import type { Log, Published } from '../log/port.js';

/** What can be fed again: where it goes, and the field of its value that says when it happened. */
export const REPLAYABLE = {
  [TOPICS.temperature]: { to: BACKTEST_TOPICS.temperature, time: 'measured_at' },
  [TOPICS.alerts]: { to: BACKTEST_TOPICS.alerts, time: 'timestamp' },
  [SOURCE_TOPICS.sales]: { to: BACKTEST_TOPICS.sales, time: 'sold_at' },
  [SOURCE_TOPICS.inventory]: { to: BACKTEST_TOPICS.inventory, time: 'changed_at' },
} as const;
export type Replayable = keyof typeof REPLAYABLE;

export interface ReplayResult {
  /** Of this run: the header `replay` of each record. */
  run: string;
  read: number;
  /** Records that are none of ours: passed over. */
  foreign: number;
  written: number;
}

/** Written at once; reading waits for it. */
const CHUNK = 1000;

/**
 * What happened in [fromMs, toMs) by event time, again, into the topic for back-tests, in the order it is kept. Each run
 * has an id of its own, so that several stand side by side.
 */
export async function replayHistory(
  log: Log,
  topic: Replayable,
  fromMs: number,
  toMs: number,
): Promise<ReplayResult> {
  const { to, time } = REPLAYABLE[topic];
  const result: ReplayResult = { run: randomUUID(), read: 0, foreign: 0, written: 0 };
  const decoder = new Decoder([topic]);
  // Nothing arrives before it happens; how long after, nobody knows.
  await log.read([topic], fromMs, async (records) => {
    result.read += records.length;
    const wanted = decoder.decode(records).filter(({ value }) => {
      const at = value === null ? Number.NaN : timeOf(value, time);
      return at >= fromMs && at < toMs;
    });
    result.foreign = decoder.foreign;
    const again = wanted.map(({ record }, i): Published => {
      const { key, value, headers, timestamp } = record;
      const id = `${result.run}/${result.written + i}`;
      return { topic: to, key, value, headers: { ...headers, replay: result.run }, timestamp, id };
    });
    for (let i = 0; i < again.length; i += CHUNK) await log.publish(again.slice(i, i + CHUNK));
    result.written += again.length;
  });
  return result;
}

function timeOf(value: object, field: string): number {
  const at = (value as Record<string, unknown>)[field];
  return typeof at === 'string' ? Date.parse(at) : Number(at);
}
