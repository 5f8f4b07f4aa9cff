import { expect, it } from 'vitest';
import { MINUTE } from '../durations.js';
import { type Exposure, episodeOf, stepExposure } from './exposure.js';
import { DWELL_START, ruleSchema, stepThreshold, type ThresholdRule, type ThresholdState } from './rules.js';

function run(more: object, samples: readonly (readonly [number, number])[]) {
  const rule = ruleSchema.parse({
    kind: 'threshold',
    name: 'r',
    side: 'above',
    limit: 8,
    dwell: '60m',
    accumulation: 'cumulative',
    window: '24h',
    ...more,
  }) as ThresholdRule;
  let state: ThresholdState = DWELL_START;
  return samples.flatMap(([minute, celsius]) => {
    const step = stepThreshold(rule, state, minute * MINUTE, celsius * 1000);
    state = JSON.parse(JSON.stringify(step.state)) as ThresholdState;
    return step.transition ? [[minute, step.transition.kind, step.transition.outsideMs / MINUTE]] : [];
  });
}

/** A value a minute: 9 °C in the given spans, else 5. */
const day = (spans: readonly (readonly [number, number])[], minutes = 1440) =>
  Array.from({ length: minutes }, (_, m) => [m, spans.some(([a, b]) => m >= a && m < b) ? 9 : 5] as const);

it('adds up pieces of time outside, alarms at the sum, and is over once the window has moved on', () => {
  expect(
    run(
      {},
      day([
        [0, 30],
        [100, 140],
      ]),
    ),
  ).toEqual([[130, 'raised', 60]]);
  expect(
    run(
      {},
      day([
        [0, 30],
        [100, 129],
      ]),
    ),
  ).toEqual([]);
  expect(
    run(
      { window: '1h' },
      day([
        [0, 30],
        [100, 140],
      ]),
    ),
  ).toEqual([]);
  const long = run(
    {},
    day(
      [
        [0, 30],
        [100, 140],
      ],
      2000,
    ),
  );
  expect(long.map(([, kind]) => kind)).toEqual(['raised', 'cleared']);
  expect(long[1]![0]).toBeGreaterThan(1440);
});

it('a silence longer than the gap adds nothing, a shorter one does', () => {
  expect(
    run({ dwell: '30m' }, [
      [0, 9],
      [40, 9],
      [41, 9],
    ]),
  ).toEqual([]);
  expect(
    run({ dwell: '30m' }, [
      [0, 9],
      [29, 9],
      [31, 9],
    ]),
  ).toEqual([[31, 'raised', 31]]);
});

it('stays bounded when a value crosses its limit all day', () => {
  const rule = ruleSchema.parse({
    kind: 'threshold',
    name: 'r',
    side: 'above',
    limit: 8,
    dwell: '24h',
    accumulation: 'cumulative',
  }) as ThresholdRule;
  let state: ThresholdState = DWELL_START;
  for (let m = 0; m < 1440; m++) state = stepThreshold(rule, state, m * MINUTE, m % 2 ? 9000 : 5000).state;
  expect(state.phase === 'accumulated' && state.spans.length).toBeLessThanOrEqual(200);
});

it('an episode knows its seconds outside, degree-minutes, worst value and mean kinetic temperature', () => {
  let exposure: Exposure | undefined;
  [9, 10, 10, 9].forEach((celsius, m) => {
    exposure = stepExposure(
      exposure,
      { atMs: m * MINUTE, milli: celsius * 1000, excess: (celsius - 8) * 1000 },
      300_000,
    );
  });
  const episode = episodeOf(exposure!);
  expect(episode).toMatchObject({ worst: 10, seconds_outside: 180, degree_minutes: 5 });
  expect(episode.mkt).toBeCloseTo(9.67, 1);
});
