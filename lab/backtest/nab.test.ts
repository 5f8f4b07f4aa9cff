import { expect, it } from 'vitest';
import type { Label } from './labels.js';
import { nabScore } from './nab.js';

const window = (onsetMs: number, endMs: number): Label => ({
  id: 'w',
  sensor: 's',
  kind: 'window',
  onsetMs,
  endMs,
  unsafeMs: null,
  benign: false,
});
const observed = new Map([['s', { firstMs: 0, lastMs: 1000 }]]);
const score = (labels: Label[], times: number[]) =>
  nabScore(
    labels,
    times.map((atMs) => ({ sensor: 's', rule: 'r', summary: '', atMs })),
    observed,
  );
const windows = [window(300, 400), window(700, 800)];

it('is 100 for alarms at the start of each window, 0 for silence, and less for late and false ones', () => {
  expect(score(windows, [300, 700])).toMatchObject({ score: 100, windows_found: 2, false_alarms: 0 });
  expect(score(windows, [])).toMatchObject({ score: 0, windows_found: 0 });
  const late = score(windows, [350, 750])!.score;
  expect(late).toBeLessThan(100);
  expect(late).toBeGreaterThan(80);
  // 0.11 of four quarters that two windows are worth.
  expect(score(windows, [300, 700, 600])!.score).toBeCloseTo(97.3, 1);
  expect(score(windows, [300, 700, 410])!.score).toBeGreaterThan(score(windows, [300, 700, 600])!.score);
});

it('counts nothing in the first 15 % of the time', () => {
  expect(score(windows, [100, 300, 700])).toMatchObject({ score: 100, false_alarms: 0 });
  expect(score([window(10, 20)], [])).toBeUndefined();
});
