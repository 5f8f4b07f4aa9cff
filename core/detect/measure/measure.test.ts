import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { HOUR, MINUTE } from '../../durations.js';
import { ruleSchema } from '../rules.js';
import { Track } from '../track.js';
import { type Forest, forestSchema, forestScore, trainForest } from './forest.js';
import { meanKineticOf } from './kinetic.js';
import { Measures } from './measures.js';
import { zScore } from './statistics.js';
import type { MeasureRule } from './step.js';
import { spikeThenDrop } from './trend.js';
import { vialLifeUsed } from './vial.js';

describe('mean kinetic temperature', () => {
  it.each([
    [
      [
        [20, 2],
        [2, 4],
        [25, 1],
      ],
      15.68,
      2,
    ],
    [
      [
        [24, 16],
        [26, 5],
        [28, 3],
        [21, 24],
      ],
      23.23,
      2,
    ],
    [
      [
        [2, 1],
        [8, 1],
      ],
      5.5364,
      4,
    ],
    [
      [
        [20, 1],
        [25, 1],
      ],
      22.832,
      4,
    ],
    [
      [
        [5, 23],
        [25, 1],
      ],
      7.7564,
      4,
    ],
    [
      [
        [23, 29],
        [35, 1],
      ],
      23.7644,
      4,
    ],
  ])('of %j is %f °C', (samples, expected, digits) => {
    const mkt = meanKineticOf(samples.map(([celsius, weight]) => ({ celsius: celsius!, weight: weight! })));
    expect(mkt).toBeCloseTo(expected, digits);
  });

  it('of nothing is not known', () => expect(meanKineticOf([])).toBeUndefined());
});

it('288 times 10 min at 37 °C use 113.7811 % of a VVM2', () => {
  expect(288 * vialLifeUsed(2, 37_000, 10 * MINUTE) * 100).toBeCloseTo(113.7811, 4);
  // At 37 °C a monitor lasts about the days that its category says.
  for (const days of [7, 14, 30] as const) {
    const lasts = 1 / vialLifeUsed(days, 37_000, 24 * HOUR);
    expect(lasts / days).toBeGreaterThan(0.8);
    expect(lasts / days).toBeLessThan(1.2);
  }
});

describe('statistics', () => {
  it('a z-score leaves the value itself out, and so can exceed (n − 1)/√n', () => {
    expect(zScore([5, 5.1, 4.9, 5], 9)!.z).toBeGreaterThan(3);
    expect(zScore([5, 5.1], 9)).toBeUndefined();
    expect(zScore([5, 5, 5], 9)).toBeUndefined();
    expect(zScore([5, 5, 5], 9, 0.5)).toEqual({ z: 8, away: 4 });
  });
});

/** What a rule says over samples of a minute each, in °C. */
function run(rule: object, values: readonly number[], everyMs = MINUTE) {
  const measures = new Measures([ruleSchema.parse({ name: 'r', ...rule }) as MeasureRule]);
  const track = new Track();
  return values.flatMap((celsius, i) => {
    const sample = {
      atMs: i * everyMs,
      milli: Math.round(celsius * 1000),
      wallMs: Date.UTC(2026, 0, 1) + i * everyMs,
    };
    track.push(sample.atMs, sample.milli, true);
    return measures.push(sample, track).map(({ kind, kpi }) => ({ i, kind, value: kpi.value }));
  });
}
const steady = (n: number, value = 5) => Array.from({ length: n }, () => value);

describe('trends', () => {
  it('a move of so much within so long', () => {
    const rule = { kind: 'trend', what: 'rate', by: 2, over: '5m' };
    expect(run(rule, [5, 5, 5.5, 7.2, 7.2, 7.2, 7.2, 7.2, 7.2, 7.2]).map(({ i, kind }) => [i, kind])).toEqual(
      [
        [3, 'raised'],
        [8, 'cleared'],
      ],
    );
    expect(run(rule, [5, 5.3, 5.6, 5.9, 6.2, 6.5, 6.8])).toEqual([]);
  });

  it('steadily rising over three minutes, and not with one step back', () => {
    const rule = { kind: 'trend', what: 'rising', by: 0.3, over: '3m' };
    expect(run(rule, [5, 5, 5.2, 5.4, 5.6])[0]).toMatchObject({ i: 4, kind: 'raised', value: 0.6 });
    expect(run(rule, [5, 5.2, 5.4, 5.3, 5.6, 5.8])).toEqual([]);
  });

  it('a spike and its drop', () => {
    expect(spikeThenDrop([5, 9, 5])).toBe(4);
    expect(spikeThenDrop([5, 9, 8])).toBe(1);
    expect(spikeThenDrop([9, 5, 5])).toBe(0);
    const rule = { kind: 'trend', what: 'spike_then_drop', by: 3, over: '10m' };
    expect(run(rule, [5, 5, 9, 9, 5.5])[0]).toMatchObject({ i: 4, kind: 'raised' });
  });
});

describe('what heat adds up to', () => {
  it('MKT speaks once most of its window is known, and a silence counts for nothing', () => {
    const rule = { kind: 'mkt', limit: 8, window: '24h' };
    expect(run(rule, steady(18 * 60, 12))).toEqual([]);
    expect(run(rule, steady(20 * 60, 12))[0]).toMatchObject({ kind: 'raised', value: 12 });
    expect(run(rule, [...steady(20 * 60, 12), ...steady(30 * 60, 4)]).at(-1)).toMatchObject({
      kind: 'cleared',
    });
    expect(run(rule, steady(40, 12), HOUR)).toEqual([]);
  });

  it('vial monitors and budgets add up over months, count a silence at its warmer end, and start with the goods', () => {
    const vvm = { kind: 'vvm', monitor: 2, used: 0.5 };
    expect(run(vvm, steady(30, 37), HOUR)[0]).toMatchObject({ i: 22, kind: 'raised' });
    const budget = {
      kind: 'budget',
      product: 'Example vaccine',
      source: 'its stability report',
      above: 8,
      up_to: 25,
      allowed: '72h',
    };
    expect(run(budget, steady(80, 10), HOUR)[0]).toMatchObject({ i: 72, kind: 'raised', value: 72 });
    expect(run(budget, [5, 26, 5])[0]).toMatchObject({ i: 1, kind: 'raised', value: 72 });
    const later = { ...budget, since: '2026-01-02T00:00:00Z' };
    expect(run(later, steady(99, 10), HOUR)[0]).toMatchObject({ i: 95 });
  });
});

describe('what is unusual', () => {
  it('by z-score against five minutes, never for a step that only rounding shows', () => {
    const rule = { kind: 'anomaly', what: 'zscore' };
    expect(run(rule, [5, 5.1, 5, 5.1, 9])[0]).toMatchObject({ i: 4, kind: 'raised' });
    expect(run(rule, [5, 5, 5.001, 5, 5.1])).toEqual([]);
  });

  it('by what nearly all hours of four weeks kept', () => {
    const days = Array.from({ length: 20 * 24 }, (_, h) => 20 + 3 * Math.sin((h * 2 * Math.PI) / 24));
    const rule = { kind: 'anomaly', what: 'extreme' };
    expect(run(rule, days, HOUR)).toEqual([]);
    expect(run(rule, [...days, 27], HOUR)[0]).toMatchObject({ kind: 'raised' });
    expect(run(rule, [...days.slice(0, 160), 27], HOUR)).toEqual([]);
    // One bad hour three weeks ago is not the measure of today.
    expect(run(rule, [...days, 40, ...days.slice(1, 72), 27], HOUR)[2]).toMatchObject({ kind: 'raised' });
  });

  it('by days that are over: one that goes bad slowly is not measured against itself', () => {
    const days = Array.from({ length: 20 * 24 }, (_, h) => 20 + 3 * Math.sin((h * 2 * Math.PI) / 24));
    const slow = Array.from({ length: 23 * 60 }, (_, m) => 20 + m / 60);
    const minutes = days.flatMap((celsius) => Array.from({ length: 60 }, () => celsius));
    const found = run({ kind: 'anomaly', what: 'extreme' }, [...minutes, ...slow], MINUTE);
    expect(found[0]).toMatchObject({ kind: 'raised' });
    expect(found[0]!.i - minutes.length).toBeLessThan(6 * 60);
  });
});

describe('isolation forest', () => {
  const fixture = JSON.parse(
    readFileSync(new URL('../../../test/fixtures/forest.json', import.meta.url), 'utf8'),
  ) as {
    model: Forest;
    samples: number[][];
    scores: number[];
  };

  it('scores as scikit-learn does on the same trees', () => {
    const forest = forestSchema.parse(fixture.model);
    expect(fixture.samples.length).toBeGreaterThan(40);
    fixture.samples.forEach((sample, i) => {
      expect(Math.abs(forestScore(forest, sample) - fixture.scores[i]!)).toBeLessThan(1e-9);
    });
  });

  it('trained, finds what is far from the rest', () => {
    let state = 1;
    const random = () => {
      state = (state * 16_807) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    const usual = Array.from({ length: 2000 }, () => [5 + random(), random()]);
    const rows = [...usual, ...Array.from({ length: 10 }, () => [10 + 10 * random(), 5 * random()])];
    const forest = trainForest(rows, {
      features: ['value', 'slope_1h'],
      trees: 50,
      subsample: 256,
      contamination: 0.01,
      seed: 1,
      random,
    });
    expect(forestSchema.safeParse(forest).success).toBe(true);
    expect(forestScore(forest, [5.5, 0.5])).toBeLessThan(forest.threshold);
    expect(forestScore(forest, [15, 0.5])).toBeGreaterThan(forest.threshold);
  });

  it.each([
    ['another feature', { features: ['value', 'slope_10m', 'humidity'] }, /features/],
    ['a missing feature', { features: ['value'] }, /listed features/],
    ['a damaged tree', { trees: [{ ...fixture.model.trees[0], left: [] }] }, /expected a tree/],
    [
      'a tree that goes in circles',
      { trees: [{ feature: [0], threshold: [1], left: [0], right: [0], samples: [2] }] },
      /expected a tree/,
    ],
  ])('refuses a model with %s', (_what, change, message) => {
    const parsed = forestSchema.safeParse({ ...fixture.model, ...change });
    expect(parsed.success).toBe(false);
    expect(JSON.stringify(parsed.error)).toMatch(message);
  });
});
