import { own } from '../../own.js';
import { sleeps } from '../asleep.js';
import type { Change } from '../change.js';
import type { Track } from '../track.js';
import type { Sample } from './evaluation.js';
import { MEASURE_START, type MeasureRule, type MeasureState, stepMeasure } from './step.js';

/** The measure rules of one sensor. `states` is the caller's, by rule name: plain JSON, kept by the caller. */
export class Measures {
  readonly states: Record<string, MeasureState>;
  readonly #rules: readonly MeasureRule[];

  constructor(rules: readonly MeasureRule[], states: Record<string, MeasureState> = {}) {
    this.#rules = rules;
    const mine = rules.map(({ name }) => [name, own(states, name) ?? structuredClone(MEASURE_START)]);
    this.states = Object.fromEntries(mine) as Record<string, MeasureState>;
  }

  push(sample: Sample, track: Track, cadenceMs?: number): Change[] {
    return this.#rules.flatMap((rule) => this.#step(rule, sample, track, cadenceMs) ?? []);
  }

  #step(rule: MeasureRule, sample: Sample, track: Track, cadenceMs: number | undefined): Change | undefined {
    const state = this.states[rule.name]!;
    const found = stepMeasure(rule, state, sample, track, cadenceMs);
    if (!found) return undefined;
    const { kpi, facts } = found;
    const { atMs, milli } = sample;
    const change = {
      rule,
      alertType: rule.alert,
      atMs,
      milli,
      kpi,
      cause: rule.kind,
      facts: { ...facts, now: milli },
    };
    if (state.activeSinceMs === null && found.raise && !sleeps(rule, cadenceMs)) {
      state.activeSinceMs = atMs;
      return { ...change, kind: 'raised', sinceMs: atMs };
    }
    if (state.activeSinceMs === null || !found.over) return undefined;
    const sinceMs = state.activeSinceMs;
    state.activeSinceMs = null;
    return { ...change, kind: 'cleared', sinceMs };
  }
}
