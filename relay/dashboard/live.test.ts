import { expect, it } from 'vitest';
import type { LogTopic } from '../log/port.js';
import { LiveView } from './live.js';

const READING = {
  unit: 'Cel',
  time_quality: 'synchronised',
  epoch: '00000000000000aa',
  seq: 1,
  backfill: false,
};
const record = (topic: LogTopic, value: object) => ({
  topic,
  key: 'c/f',
  value: JSON.stringify({
    clinic: 'c',
    gateway: 'g',
    sensor: 'f',
    quantity: 'temperature',
    ...READING,
    ...value,
  }),
  headers: {},
  timestamp: 0,
  partition: 0,
  offset: '1',
  arrivedMs: 0,
});

it('shows readings in the order of their times, and nothing of what is no reading', () => {
  const live = new LiveView();
  live.take([
    record('iot.temperature', { value: 5, measured_at: 2000, quality: 'good' }),
    record('iot.temperature', { value: 4, measured_at: 1000, quality: 'good' }),
    record('iot.temperature', { value: 85, measured_at: 3000, quality: 'bad' }),
    record('iot.summary', { min: 1, max: 9, mean: 5, since: 0, until: 900 }),
    record('gateway.audit', { type: 'audit' }),
  ]);
  const view = live.snapshot().sensors[0]!;
  expect(view.points).toEqual([
    [1000, 4],
    [2000, 5],
  ]);
  expect(view.last).toEqual({ at: 3000, value: 85, quality: 'bad' });
});
