import { Streams } from '../../../relay/streams/embedded/streams.js';
import { type Input, SETTINGS } from '../data/hours.js';
import type { Written } from './flink-job.js';

/** What the relay's own streams write of these inputs, in order; of what only moves event time on, nothing. */
export function ownStreams(inputs: readonly Input[]): Written[] {
  const written: Written[] = [];
  const streams = new Streams(SETTINGS, (record) => written.push(record));
  for (const one of inputs) streams.take({ ...one, partition: 0 });
  return withoutClocks(written);
}

export const withoutClocks = (written: readonly Written[]) =>
  written.filter(({ key }) => !key.startsWith('clock/'));
