import { randomUUID } from 'node:crypto';
import { TOPICS } from '../../core/contract/messages.js';
import { SOURCE_TOPICS } from '../../core/contract/sources.js';
import { BACKTEST_TOPICS } from '../../core/contract/streams.js';
import type { Log, Published, StoredRecord } from '../log/port.js';

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
  written: number;
}

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
  const result: ReplayResult = { run: randomUUID(), read: 0, written: 0 };
  let writing: Promise<unknown> = Promise.resolve();
  // Nothing arrives before it happens; how long after, nobody knows.
  await log.read([topic], fromMs, (records) => {
    result.read += records.length;
    const wanted = records.filter((record) => {
      const at = timeOf(record, time);
      return at >= fromMs && at < toMs;
    });
    const again = wanted.map((record, i): Published => {
      const id = `${result.run}/${result.written + i}`;
      return { ...record, topic: to, id, headers: { ...record.headers, replay: result.run } };
    });
    result.written += again.length;
    for (let i = 0; i < again.length; i += CHUNK) {
      writing = writing.then(() => log.publish(again.slice(i, i + CHUNK)));
    }
  });
  await writing;
  return result;
}

function timeOf({ value }: StoredRecord, field: string): number {
  const at = (JSON.parse(value) as Record<string, unknown>)[field];
  return typeof at === 'string' ? Date.parse(at) : Number(at);
}
