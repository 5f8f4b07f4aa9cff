import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as meaning from './meaning.js';

const read = (name: string) => readFileSync(new URL(`sql/${name}.sql`, import.meta.url), 'utf8');
const tables = read('tables');
const streams = read('streams');
const seconds = (ms: number) => `INTERVAL '${ms / 1000}' SECOND`;
const minutes = (ms: number) => `INTERVAL '${ms / 60_000}' MINUTE`;

it.each([
  ['patience', tables, `stored_at - ${seconds(meaning.PATIENCE_MS)}`],
  [
    'the watermark',
    tables,
    `WATERMARK FOR t AS stored_at - ${seconds(meaning.PATIENCE_MS + meaning.MARGIN_MS)}`,
  ],
  ['idle partitions', tables, `'scan.watermark.idle-timeout' = '${meaning.IDLE_MS / 1000} s'`],
  ['five minutes', streams, `MOD(measured_at, ${meaning.WINDOW_MS})`],
  ['limits in force at their end', streams, `since + ${meaning.WINDOW_MS} <= announced_at`],
  ['sliding windows', streams, `${minutes(meaning.SLIDE_MS)}, ${minutes(meaning.WINDOW_MS)}`],
  ['what out is', streams, `newest - oldest >= ${meaning.OUT_MS}`],
  ['what out is, in three minutes', streams, `span >= ${meaning.OUT_MS}`],
  ['limits at the end of the three', streams, `since + ${meaning.OUT_WINDOW_MS} <= announced_at`],
  ['where the three begin', streams, 'ARRAY[m, m - 60000, m - 120000]'],
  ['several', streams, `units >= ${meaning.SEVERAL}`],
  ['a share of a region', streams, `share >= ${meaning.REGION_SHARE} AND clinics_out >= ${meaning.SEVERAL}`],
  [
    'the lower default',
    streams,
    `CAST(${meaning.UNANNOUNCED.temperature!.low} AS DOUBLE) END) AS low_default`,
  ],
  [
    'the upper default',
    streams,
    `CAST(${meaning.UNANNOUNCED.temperature!.high} AS DOUBLE) END) AS high_default`,
  ],
  ['the default cadence', streams, `THEN CAST(${meaning.UNANNOUNCED_EVERY_MS / 1000} AS DOUBLE)`],
  ['least samples', streams, `WHERE n >= ${meaning.Z_SAMPLES_MIN + 1}`],
  ['the score', streams, `> ${meaning.Z_BOUND}`],
  ['what is nothing', streams, `ABS(away) >= ${meaning.Z_DEADBAND}`],
  ['the least deviation', streams, `GREATEST(${meaning.DEVIATION_MIN}, deviation)`],
  ['the half hour', streams, `RANGE BETWEEN ${minutes(meaning.Z_WINDOW_MS)} PRECEDING`],
  ['an episode', streams, `RANGE BETWEEN ${minutes(meaning.CALM_MS)} PRECEDING`],
  ['rising', streams, `A.measured_at + ${meaning.RISING_MS}`],
  ['the bound that it tells', streams, `measured_at, rise, ${meaning.RISE_MIN}, 'Cel'`],
  ['the least rise', streams, `4) >= ${meaning.RISE_MIN}`],
  ['a spike', streams, `B AS B.\`value\` >= A.\`value\` + ${meaning.SPIKE}`],
  ['its time', streams, `A.measured_at + ${meaning.SPIKE_MS}`],
  ['silence', streams, `DESCRIPTOR(t), INTERVAL '${meaning.SILENT_MINUTES}' MINUTE`],
  ['the return', streams, `minutes > ${meaning.SILENT_MINUTES}`],
])('%s is the same in SQL', (_what, sql, text) => {
  expect(sql).toContain(text);
});

it('streams wait for what an agent at its default settings may hold back', () => {
  expect(meaning.PATIENCE_MS).toBeGreaterThan(30_000);
  expect(meaning.OUT_WINDOW_MS / meaning.SLIDE_MS).toBe(3);
});
