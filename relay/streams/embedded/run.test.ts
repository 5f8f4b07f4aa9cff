import { pino } from 'pino';
import { expect, it } from 'vitest';
import { SimulatedClock } from '../../../core/clock/simulated.js';
import type { Log, OnRecords, Published, StoredRecord } from '../../log/port.js';
import { runStreams } from './run.js';

const START = Date.UTC(2026, 0, 1);

/** A log that keeps what is published, and hands out what a test puts in. */
function fakeLog() {
  const published: Published[] = [];
  const readers: OnRecords[] = [];
  let refusing = false;
  const log = {
    read: async () => {},
    tail: async (_topics: unknown, _from: unknown, onRecords: OnRecords) => {
      readers.push(onRecords);
      return { behind: async () => ({ records: 0, sinceMs: null }), stop: async () => {} };
    },
    publish: async (records: readonly Published[]) => {
      if (refusing) throw new Error('no');
      published.push(...records);
      return { repeated: [] };
    },
  } as unknown as Log;
  const stock = (onHand: number, at: number): StoredRecord => ({
    topic: 'erp.inventory',
    key: 'c/MMR',
    value: JSON.stringify({
      clinic: 'c',
      sku: 'MMR',
      delta: 1,
      on_hand: onHand,
      changed_at: at,
      event_id: `${at}`,
    }),
    headers: {},
    timestamp: at,
    offset: '1',
    partition: 0,
    arrivedMs: at,
  });
  return {
    log,
    published,
    refuse: (now: boolean) => {
      refusing = now;
    },
    give: (onHand: number, at: number) => readers.at(-1)!([stock(onHand, at)]),
  };
}

it('streams go on after seconds without a change, and after a log that took nothing', async () => {
  const clock = new SimulatedClock(START);
  const { log, published, give, refuse } = fakeLog();
  const settings = { reorder: { MMR: 20 }, regions: {} };
  const streams = await runStreams(log, settings, clock, pino({ level: 'silent' }));
  await clock.advance(5000);
  await give(5, clock.wall());
  await clock.advance(2000);
  expect(published.map(({ value }) => JSON.parse(value).kind)).toEqual(['stock_low']);
  refuse(true);
  await give(30, clock.wall());
  await clock.advance(5000);
  refuse(false);
  await clock.advance(2000);
  expect(published.map(({ value }) => JSON.parse(value).kind)).toEqual(['stock_low', 'stock_restored']);
  await streams.stop();
});
