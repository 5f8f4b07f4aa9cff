import { fromMilli, type Milli, showMilli } from '../units.js';
import { sleeps } from './asleep.js';
import { type BehaviourRule, judgeBehaviour, type Verdict } from './behaviour.js';
import { smoothed } from './cadence.js';
import type { Change } from './change.js';
import { type Profile, Track } from './track.js';

/** What a behaviour rule must remember: since when it stands, and since when the value is beyond its limit. */
export interface Latch {
  activeSinceMs: number | null;
  outsideSinceMs: number | null;
  /** Not before this does it raise again. */
  holdUntilMs: number;
}

/** The type of alert that each behaviour makes. */
export const BEHAVIOUR_ALERTS = {
  excursion: 'excursion',
  heading: 'pre_alarm',
  level: 'pre_alarm',
  drift: 'pre_alarm',
  frozen: 'sensor_fault',
  erratic: 'sensor_fault',
} as const satisfies Record<BehaviourRule['what'], Change['alertType']>;

const LATCH_START: Latch = { activeSinceMs: null, outsideSinceMs: null, holdUntilMs: 0 };
/** What follows a fault (warm goods that cool, a fridge that finds its way back) is no fault of its own. */
const HOLD_MS = 3 * 3_600_000;
const WORTH_A_WORD_MS = 180_000;
const HOLD_DRIFT_MS = 24 * 3_600_000;

/** The behaviour rules of one sensor. `latches` is the caller's, by rule name, and is kept with its state. */
export class Behaviours {
  readonly track: Track;
  /** Told in one sentence of what needed no alarm; set by whoever keeps records. */
  onExplained: (text: string) => void = () => {};
  readonly #rules: readonly BehaviourRule[];
  readonly #latches: Record<string, Latch>;
  #quietSinceMs = Number.NEGATIVE_INFINITY;

  constructor(rules: readonly BehaviourRule[], latches: Record<string, Latch>, profile: Profile | undefined) {
    this.#rules = rules;
    this.#latches = latches;
    this.track = new Track(profile);
    for (const { name } of rules) if (!Object.hasOwn(latches, name)) latches[name] = { ...LATCH_START };
  }

  /** One temperature. `otherOpen`: an alert of another rule of this sensor stands. `cadenceMs`: how often one comes. */
  push(atMs: number, milli: Milli, otherOpen: boolean, cadenceMs?: number): Change[] {
    const open = otherOpen || this.#rules.some(({ name }) => this.#latches[name]!.activeSinceMs !== null);
    if (open) this.#quietSinceMs = atMs;
    const quietMs = atMs - this.#quietSinceMs;
    this.track.push(atMs, milli, quietMs >= HOLD_MS, smoothed(cadenceMs));
    const changes: Change[] = [];
    for (const rule of this.#rules) {
      const hold = rule.what === 'drift' ? HOLD_DRIFT_MS : HOLD_MS;
      const change = this.#step(rule, atMs, open || quietMs < hold, sleeps(rule, cadenceMs));
      if (change) changes.push(change);
    }
    return changes;
  }

  /** It was outside, and came back by itself before it was worth an alarm. */
  #explain(
    { what, side, limit }: BehaviourRule,
    { outsideSinceMs, activeSinceMs }: Latch,
    atMs: number,
  ): void {
    if (what !== 'excursion' || outsideSinceMs === null || activeSinceMs !== null) return;
    if (atMs - outsideSinceMs < WORTH_A_WORD_MS) return;
    const cause = this.track.disturbedSince(outsideSinceMs - WORTH_A_WORD_MS)
      ? 'it had warmed faster than it does by itself, as after an open door, warm goods or a defrost'
      : 'it moved no faster than it does by itself';
    const minutes = Math.round((atMs - outsideSinceMs) / 60_000);
    this.onExplained(
      `was ${side} ${showMilli(limit, 'Cel')} for ${minutes} min and came back by itself: ${cause}`,
    );
  }

  /** A rule that sleeps raises nothing; what it had raised may still end. */
  #step(rule: BehaviourRule, atMs: number, busy: boolean, asleep: boolean): Change | undefined {
    const latch = this.#latches[rule.name]!;
    const value = this.track.last!.milli;
    const away = rule.side === 'above' ? value - rule.limit : rule.limit - value;
    if (away <= 0) this.#explain(rule, latch, atMs);
    latch.outsideSinceMs = away > 0 ? (latch.outsideSinceMs ?? atMs) : null;
    const outsideMs = latch.outsideSinceMs === null ? 0 : atMs - latch.outsideSinceMs;
    const verdict = judgeBehaviour(rule, this.track, outsideMs);
    if (latch.activeSinceMs === null) {
      // An excursion is told whatever else stands; a hint beside an alarm is noise.
      const held = atMs < latch.holdUntilMs || (busy && rule.what !== 'excursion');
      if (!verdict.raise || held || asleep) return undefined;
      latch.activeSinceMs = latch.outsideSinceMs ?? atMs;
      return changeOf(rule, verdict, atMs, value, 'raised', latch.activeSinceMs);
    }
    if (!verdict.over) return undefined;
    const sinceMs = latch.activeSinceMs;
    latch.activeSinceMs = null;
    latch.holdUntilMs = atMs + (rule.what === 'drift' ? HOLD_DRIFT_MS : 0);
    return changeOf(rule, verdict, atMs, value, 'cleared', sinceMs);
  }
}

function changeOf(
  rule: BehaviourRule,
  { threshold, facts }: Verdict,
  atMs: number,
  milli: Milli,
  kind: Change['kind'],
  sinceMs: number,
): Change {
  const kpi = { name: 'temperature', value: fromMilli(milli), threshold: fromMilli(threshold), unit: 'Cel' };
  const { what: cause, side } = rule;
  return {
    rule,
    alertType: BEHAVIOUR_ALERTS[cause],
    atMs,
    milli,
    kpi,
    side,
    cause,
    facts: facts(),
    kind,
    sinceMs,
  };
}
