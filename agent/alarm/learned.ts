import type { Change } from '../../core/detect/change.js';
import { Behaviours } from '../../core/detect/latches.js';
import type { Sample } from '../../core/detect/measure/evaluation.js';
import { Measures } from '../../core/detect/measure/measures.js';
import type { MeasureRule, MeasureState } from '../../core/detect/measure/step.js';
import type { Profile } from '../../core/detect/track.js';
import { own } from '../../core/own.js';
import type { AlarmSensor, AlarmState } from './state.js';

/** What is kept of one sensor between restarts beside the alarm's own state: kilobytes, written once an hour. */
export interface Learned {
  /** Learned before this date: forgotten. */
  since?: string;
  profile: Profile;
  measures: Record<string, MeasureState>;
}

/** Rules that look at how a temperature moves and what it adds up to, for one sensor. */
export class Movement {
  readonly #behaviours: Behaviours;
  readonly #measures: Measures;
  readonly #since: string | undefined;

  constructor(
    sensor: AlarmSensor,
    state: AlarmState,
    stored: Learned | undefined,
    onExplained: (text: string) => void,
  ) {
    const { id, rules } = sensor;
    const latches = own(state.latches, id) ?? {};
    state.latches[id] = latches;
    const kept = stored && stored.since === sensor.learnSince ? stored : undefined;
    this.#since = sensor.learnSince;
    this.#behaviours = new Behaviours(
      rules.filter((rule) => rule.kind === 'behaviour'),
      latches,
      kept?.profile,
    );
    this.#behaviours.onExplained = onExplained;
    // What goods have used up is theirs, whatever is forgotten of the fridge.
    this.#measures = new Measures(rules.filter(isMeasure), stored?.measures);
  }

  /** Whether a sensor has any rule that this is for. */
  static wanted({ rules }: AlarmSensor): boolean {
    return rules.some((rule) => rule.kind === 'behaviour' || isMeasure(rule));
  }

  /** `otherOpen`: an alert of another rule of this sensor stands. */
  push(sample: Sample, otherOpen: boolean, cadenceMs: number | undefined): Change[] {
    const changes = this.#behaviours.push(sample.atMs, sample.milli, otherOpen, cadenceMs);
    return [...changes, ...this.#measures.push(sample, this.#behaviours.track, cadenceMs)];
  }

  get learned(): Learned {
    const since = this.#since === undefined ? {} : { since: this.#since };
    return { ...since, profile: this.#behaviours.track.profile, measures: this.#measures.states };
  }
}

const KINDS: ReadonlySet<string> = new Set<MeasureRule['kind']>(['trend', 'mkt', 'vvm', 'budget', 'anomaly']);

function isMeasure(rule: { kind: string }): rule is MeasureRule {
  return KINDS.has(rule.kind);
}
