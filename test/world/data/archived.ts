import type { ReadingMessage } from '../../../core/contract/messages.js';
import type { FullSensorAggregate } from '../../../core/contract/streams.js';
import { DAY } from '../../../core/durations.js';
import type { Archive, ArchivedReading, Episode, HistoryQuery, Kind } from '../../../relay/archive/port.js';

/** Rows as the archive takes them, and what it answers. */
export const START = Date.UTC(2026, 9, 30);
export const EPOCH = '00000000000000aa';
export const reading = (seq: number, more: Partial<ReadingMessage> = {}): ReadingMessage => ({
  clinic: 'c',
  gateway: 'g',
  sensor: `fridge-${seq % 2}`,
  quantity: 'temperature',
  value: seq / 8,
  unit: 'Cel',
  measured_at: START + seq * 3_600_000,
  time_quality: 'synchronised',
  quality: 'good',
  epoch: EPOCH,
  seq,
  backfill: false,
  ...more,
});
export const aggregate = (clinic: string, sensor: string, since: number): FullSensorAggregate => ({
  clinic,
  sensor,
  quantity: 'temperature',
  unit: 'Cel',
  since,
  count: 2,
  min: 1,
  max: 3,
  mean: 2.123456,
  low: 2,
  high: 8,
  seconds_covered: 300,
  seconds_outside: 0,
});
export const all: Omit<HistoryQuery, 'after'> = {
  clinic: 'c',
  fromMs: START - DAY,
  toMs: START + 100 * DAY,
  limit: 1000,
};
export const nothing = { readings: [], aggregates: [], alerts: [], positions: [] };

export async function pageOf<T>(archive: Archive, kind: Kind, query: HistoryQuery) {
  const { rows, next } = await archive.page(kind, query);
  return { rows: JSON.parse([...rows].map((piece) => Buffer.from(piece).toString()).join('')) as T[], next };
}
export const readingsOf = async (archive: Archive, query: HistoryQuery) =>
  (await pageOf<ArchivedReading>(archive, 'readings', query)).rows;
export const aggregatesOf = async (archive: Archive, query: HistoryQuery) =>
  (await pageOf<FullSensorAggregate>(archive, 'aggregates', query)).rows;
export const episodesOf = async (archive: Archive, query: HistoryQuery) =>
  (await pageOf<Episode>(archive, 'episodes', query)).rows;
