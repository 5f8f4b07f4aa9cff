import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { SimulatedClock } from '../../../core/clock/simulated.js';
import { HOUR } from '../../../core/durations.js';
import { GATEWAYS_MAX, type LogRecord } from '../port.js';
import { EmbeddedLog } from './embedded.js';

const RECORD: LogRecord = { topic: 'alerts', key: 'c/a', value: '1', headers: {}, timestamp: 1 };

it('drops what is older than its retention, but what a sensor is stays until it is taken back', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'log-'));
  const clock = new SimulatedClock(Date.UTC(2026, 0, 1));
  const log = new EmbeddedLog(folder, clock, HOUR);
  let seq = 0;
  const say = (topic: LogRecord['topic'], key: string, value: string) =>
    log.append({
      gateway: 'g',
      epoch: '0'.repeat(16),
      stream: 'events',
      from: ++seq,
      records: [{ topic, key, value, headers: {}, timestamp: clock.wall() }],
    });
  for (const [key, value] of [
    ['c/a', '1'],
    ['c/b', '2'],
    ['c/a', '3'],
    ['c/b', ''],
  ]) {
    await say('iot.sensors', key!, value!);
  }
  await say('alerts', 'c/a', '4');
  await clock.advance(2 * HOUR);
  await say('alerts', 'c/a', '5');
  await clock.advance(HOUR / 2);
  const left: string[] = [];
  await log.read(['iot.sensors', 'alerts'], 0, (records) => {
    left.push(...records.map(({ key, value }) => `${key} ${value}`));
  });
  expect(left).toEqual(['c/a 3', 'c/a 5']);
  await log.close();
  rmSync(folder, { recursive: true });
});

it('where nobody vouches for names, no more than so many are remembered, and those go on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'log-'));
  const log = new EmbeddedLog(folder, new SimulatedClock(), HOUR);
  const say = (gateway: string, from: number, anybody: boolean) =>
    log.append({ gateway, anybody, epoch: '0'.repeat(16), stream: 'events', from, records: [RECORD] });
  await say('first', 1, true);
  const db = new Database(join(folder, 'log.db'));
  const put = db.prepare(`INSERT INTO progress VALUES (?, '${'1'.repeat(16)}', 'events', '[[1,1]]')`);
  db.transaction(() => {
    for (let n = 1; n < GATEWAYS_MAX; n++) put.run(`invented-${n}`);
  })();
  db.close();
  await expect(say('another', 1, true)).rejects.toMatchObject({
    code: 'log.bound',
    message: expect.stringContaining('"another" is taken once its file has `gateways`'),
  });
  expect(await log.progress('another')).toEqual([]);
  expect(await say('first', 2, true)).toEqual([[1, 2]]);
  expect(await say('another', 1, false)).toEqual([[1, 1]]);
  await log.close();
  rmSync(folder, { recursive: true });
});
