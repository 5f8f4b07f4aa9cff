import { describe, expect, it } from 'vitest';
import { MINUTE } from '../durations.js';
import {
  DWELL_START,
  ruleSchema,
  stepThreshold,
  type ThresholdRule,
  type ThresholdState,
  type Transition,
} from './rules.js';

const rule = (more: object = {}) =>
  ruleSchema.parse({
    kind: 'threshold',
    name: 'warm',
    side: 'above',
    limit: 8,
    dwell: '10m',
    ...more,
  }) as ThresholdRule;

/** Feeds [minute, °C] pairs; gives the transitions as [kind, minute, minutes outside]. */
function run(spec: ThresholdRule, readings: [number, number][]) {
  let state: ThresholdState = DWELL_START;
  const seen: Transition[] = [];
  for (const [minute, celsius] of readings) {
    const step = stepThreshold(spec, state, minute * MINUTE, Math.round(celsius * 1000));
    state = step.state;
    if (step.transition) seen.push(step.transition);
  }
  return { state, seen: seen.map((t) => [t.kind, t.atMs / MINUTE, t.outsideMs / MINUTE]), transitions: seen };
}

const steady = (from: number, to: number, celsius: number, every = 1): [number, number][] =>
  Array.from({ length: Math.floor((to - from) / every) + 1 }, (_, i) => [from + i * every, celsius]);

describe('threshold, dwell, hysteresis', () => {
  it('raises when the dwell is reached, not before, and clears back in range', () => {
    const { seen, transitions } = run(rule(), [...steady(0, 5, 7), ...steady(6, 30, 9), [31, 7.9]]);
    expect(seen).toEqual([
      ['raised', 16, 10],
      ['cleared', 31, 24],
    ]);
    expect(transitions[0]!.sinceMs).toBe(6 * MINUTE);
  });

  it('forgets a spike: the first reading in range resets', () => {
    expect(run(rule(), [...steady(0, 9, 9), [10, 7], ...steady(11, 19, 9)]).seen).toEqual([]);
  });

  it('with hysteresis, does not start over for a reading within the margin', () => {
    const sticky = rule({ hysteresis: 0.5, reset_on: 'hysteresis' });
    const { seen } = run(sticky, [...steady(0, 5, 9), [6, 7.8], ...steady(7, 20, 9), [21, 7.6], [22, 7.4]]);
    expect(seen[0]).toEqual(['raised', 11, 10]);
    expect(seen[1]![0]).toBe('cleared');
    expect(seen[1]![1]).toBe(22);
  });

  it('does not count a silence longer than the gap', () => {
    const patient = rule({ gap: '5m' });
    expect(
      run(patient, [
        [0, 9],
        [4, 9],
        [100, 9],
        [105, 9],
      ]).seen,
    ).toEqual([]);
    expect(
      run(patient, [
        [0, 9],
        [4, 9],
        [100, 9],
        [105, 9],
        [106, 9],
      ]).seen,
    ).toEqual([['raised', 106, 10]]);
  });

  it('is never closed by silence', () => {
    const { seen, state } = run(rule({ gap: '5m' }), [...steady(0, 10, 9), [600, 9]]);
    expect(seen).toEqual([['raised', 10, 10]]);
    expect(state.phase).toBe('active');
  });

  it('takes the limit itself as in range, or outside, as the bound says', () => {
    expect(run(rule(), steady(0, 30, 8)).seen).toEqual([]);
    expect(run(rule({ bound: 'inclusive' }), steady(0, 30, 8)).seen).toEqual([['raised', 10, 10]]);
  });

  it('keeps the worst value, below as well as above', () => {
    const cold = rule({ side: 'below', limit: 2, dwell: '0s' });
    expect(
      run(cold, [
        [0, 1],
        [1, -3],
        [2, 1.5],
        [3, 3],
      ]).transitions[1]!.worstMilli,
    ).toBe(-3000);
  });

  it('ignores a time that goes back', () => {
    expect(
      run(rule(), [
        [0, 9],
        [5, 9],
        [2, 9],
        [10, 9],
      ]).seen,
    ).toEqual([['raised', 10, 10]]);
  });

  it('survives being stored between any two readings', () => {
    const readings = [...steady(0, 8, 9), ...steady(9, 30, 9), [31, 5]] as [number, number][];
    const whole = run(rule(), readings).seen;
    let state: ThresholdState = DWELL_START;
    const seen: unknown[] = [];
    for (const [minute, celsius] of readings) {
      const step = stepThreshold(rule(), JSON.parse(JSON.stringify(state)), minute * MINUTE, celsius * 1000);
      state = step.state;
      if (step.transition) seen.push([step.transition.kind, minute, step.transition.outsideMs / MINUTE]);
    }
    expect(seen).toEqual(whole);
  });
});
