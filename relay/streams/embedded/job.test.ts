import { pino } from 'pino';
import { expect, it } from 'vitest';
import { SimulatedClock } from '../../../core/clock/simulated.js';
import { HOUR } from '../../../core/durations.js';
import { idOf } from '../../alerts/port.js';
import type { Log, OnRecords, Published, StoredRecord } from '../../log/port.js';
import { runStreams } from './job.js';

const START = Date.UTC(2026, 0, 1);

function stored(topic: StoredRecord['topic'], key: string, value: object, at: number): StoredRecord {
  const record = { topic, key, value: JSON.stringify(value), headers: {}, timestamp: at };
  return { ...record, offset: '1', partition: 0, arrivedMs: at };
}

function stock(sku: string, onHand: number, at: number): StoredRecord {
  const change = { clinic: 'c', sku, delta: 1, on_hand: onHand, changed_at: at, event_id: `${onHand}-${at}` };
  return stored('erp.inventory', `c/${sku}`, change, at);
}

function reading(gateway: string, at: number, value = 5): StoredRecord {
  const what = { quantity: 'temperature', value, unit: 'Cel', measured_at: at, quality: 'good' };
  const from = { clinic: 'c', gateway, sensor: `of-${gateway}`, epoch: '00000000000000aa', seq: at };
  const more = { time_quality: 'synchronised', backfill: false };
  return stored('iot.temperature', `c/of-${gateway}`, { ...what, ...from, ...more }, at);
}

/** As the relay itself raises it. */
function alert(kind: string, sensor: string, value: number, state: 'raised' | 'cleared', at: number) {
  const when = new Date(at).toISOString();
  const id = `${kind}-${sensor}`;
  return stored(
    'alerts',
    `c/${sensor}`,
    {
      alert_id: `${id}-${state}`,
      episode_id: id,
      alert_type: 'kpi',
      timestamp: when,
      kpi: { name: 'k', value, threshold: 20, unit: '' },
      severity: 'warning',
      state,
      rule: `stream:${kind}`,
      since: when,
      clinic: 'c',
      sensor,
      summary: 's',
      gateway: 'relay',
      epoch: '00000000000000aa',
      seq: 1,
    },
    at,
  );
}

/** A log that keeps what is published, and hands out what a test puts in. */
function fakeLog() {
  const published: Published[] = [];
  const readers: OnRecords[] = [];
  const alerts: StoredRecord[] = [];
  let refusing = false;
  let repeating = false;
  const log = {
    read: async (topics: readonly string[], _from: unknown, onRecords: OnRecords) => {
      if (topics.includes('alerts')) await onRecords([...alerts]);
    },
    tail: async (_topics: unknown, _from: unknown, onRecords: OnRecords) => {
      readers.push(onRecords);
      return { behind: async () => ({ records: 0, sinceMs: null }), stop: async () => {} };
    },
    publish: async (records: readonly Published[]) => {
      if (refusing) throw new Error('no');
      published.push(...records);
      return { repeated: repeating ? records.map(({ id }) => id) : [] };
    },
  } as unknown as Log;
  return {
    log,
    published,
    alerts,
    refuse: (now: boolean) => {
      refusing = now;
    },
    repeat: () => {
      repeating = true;
    },
    give: (record: StoredRecord) => readers.at(-1)!([record]),
  };
}

it('streams go on after seconds without a change, and after a log that took nothing', async () => {
  const clock = new SimulatedClock(START);
  const { log, published, give, refuse } = fakeLog();
  const settings = { reorder: { MMR: 20 }, regions: {} };
  const streams = await runStreams(log, settings, clock, pino({ level: 'silent' }));
  await clock.advance(5000);
  await give(stock('MMR', 5, clock.wall()));
  await clock.advance(2000);
  expect(published.map(({ value }) => JSON.parse(value).kind)).toEqual(['stock_low']);
  refuse(true);
  await give(stock('MMR', 30, clock.wall()));
  await clock.advance(5000);
  refuse(false);
  await clock.advance(2000);
  expect(published.map(({ value }) => JSON.parse(value).kind)).toEqual(['stock_low', 'stock_restored']);
  await streams.stop();
});

it('what is written and taken back is counted by topic, what the log had already is not', async () => {
  const clock = new SimulatedClock(START);
  const { log, published, give, repeat } = fakeLog();
  const streams = await runStreams(log, { reorder: {}, regions: {} }, clock, pino({ level: 'silent' }));
  for (const minute of [0, 1, 2]) {
    await give(reading('gw-1', START + minute * 60_000, 12));
    await give(reading('gw-2', START + minute * 60_000, 12));
  }
  await clock.advance(2000);
  await give(reading('gw-1', START + 90_000, 5));
  await clock.advance(2000);
  const findings = published.filter(({ topic }) => topic === 'stream.findings');
  expect(findings.map(({ key, value }) => [key, value === ''])).toEqual([
    [`c/c/several_out/${START}`, false],
    [`c/c/several_out/${START}`, true],
  ]);
  expect(streams.written.get('stream.findings')).toEqual({ records: 2, taken_back: 1 });
  const before = { ...streams.written.get('agg.sensor.5m')! };
  expect(before).toEqual({ records: 3, taken_back: 0 });
  repeat();
  await give(reading('gw-1', START + 100_000, 5));
  await clock.advance(2000);
  expect(streams.written.get('agg.sensor.5m')).toEqual(before);
  await streams.stop();
});

it('what began before what is read again ends once it ends, and nothing else is told', async () => {
  const clock = new SimulatedClock(START);
  const { log, published, alerts, give } = fakeLog();
  const stood = (
    kind: string,
    sensor: string,
    value: number,
    state: 'raised' | 'cleared',
    hoursAgo: number,
  ) => alerts.push(alert(kind, sensor, value, state, START - hoursAgo * HOUR));
  stood('gateway_silent', 'gw-1', 15, 'raised', 40);
  stood('gateway_silent', 'gw-2', 15, 'raised', 50);
  stood('gateway_silent', 'gw-2', 15, 'cleared', 40);
  stood('stock_low', idOf('MMR-10 (new)'), 5, 'raised', 100);
  stood('stock_negative', idOf('MMR-10 (new)'), -3, 'raised', 90);
  // Raised within what is read again: what it is about is read, too, and what was before that.
  stood('stock_low', idOf('BCG'), 5, 'raised', 3);
  const settings = { reorder: { 'MMR-10 (new)': 20, BCG: 20 }, regions: {} };
  const streams = await runStreams(log, settings, clock, pino({ level: 'silent' }));
  await give(stock('BCG', 30, START - 5 * HOUR));
  await give(stock('BCG', 5, START - 3 * HOUR));
  await give(stock('MMR-10 (new)', 25, START));
  await give(reading('gw-1', clock.wall()));
  await give(reading('gw-2', clock.wall()));
  await clock.advance(120_000);
  await give(reading('gw-1', clock.wall()));
  await clock.advance(2000);
  const found = published.map(({ value }) => JSON.parse(value)).filter(({ kind }) => kind);
  const told = found.map(({ kind, subject, value }) => [kind, subject, value]);
  expect(told.sort()).toEqual([
    ['gateway_back', 'gw-1', 40 * 60],
    ['stock_corrected', 'MMR-10 (new)', 25],
    ['stock_low', 'BCG', 5],
    ['stock_restored', 'MMR-10 (new)', 25],
  ]);
  await streams.stop();
});
