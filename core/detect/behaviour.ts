import { z } from 'zod';
import { MINUTE } from '../durations.js';
import { duration, milli } from '../schema.js';
import type { Facts } from '../text/catalog.js';
import { type Forecast, forecast } from './forecast.js';
import { ruleName, ruleSeverity } from './rule-head.js';
import { SETTLED_MS, type Track } from './track.js';

/*
 * Rules about how a temperature moves, beside where it stands: each looks at a Track and says whether it should raise,
 * whether it is over, and why, in numbers. A latch around them makes alerts of that.
 */

const BEHAVIOURS = ['excursion', 'heading', 'level', 'drift', 'frozen', 'erratic'] as const;

export const behaviourRuleSchema = z
  .strictObject({
    kind: z.literal('behaviour'),
    name: ruleName,
    what: z
      .enum(BEHAVIOURS)
      .describe(
        'excursion: beyond the limit and not coming back; heading: on its way to the limit, no compressor cycle; level: beyond what is usual; drift: the compressor runs more and more; frozen: a probe that does not move; erratic: a probe that jumps',
      ),
    side: z.enum(['above', 'below']).default('above').describe('which side of the limit is outside'),
    limit: milli.default(8000).describe('excursion, heading: the limit, °C'),
    dwell: duration.default(900_000).describe('excursion: how long outside when it is not coming back'),
    patience: duration.default(2_700_000).describe('excursion: how long outside although it is coming back'),
    margin: milli.default(400).describe('heading, level: how far beyond the usual, °C'),
    severity: ruleSeverity.default('warning'),
  })
  .describe('How a temperature moves, against what was learned of this place');
/** Times in ms, temperatures in thousandths of a °C. */
export type BehaviourRule = z.output<typeof behaviourRuleSchema>;

/** What a rule says of this moment; `threshold` in thousandths of a °C. */
export interface Verdict {
  raise: boolean;
  over: boolean;
  threshold: number;
  /** The numbers that say why: asked for only when it is told. */
  facts: () => Facts;
}

const QUIET: Verdict = { raise: false, over: false, threshold: 0, facts: () => ({}) };
const minutes = (ms: number) => Math.round(ms / MINUTE);

/** `outsideMs`: how long the value has been beyond the rule's limit without a break. */
export function judgeBehaviour(rule: BehaviourRule, track: Track, outsideMs: number): Verdict {
  const now = track.last;
  if (!now) return QUIET;
  switch (rule.what) {
    case 'excursion':
      return excursion(rule, track, now.milli, outsideMs);
    case 'heading':
      return heading(rule, track, now.milli);
    case 'level':
      return level(rule, track, now.milli);
    case 'drift':
      return drift(track, now.milli);
    case 'frozen':
      return frozen(track, now.milli);
    case 'erratic':
      return erratic(track, now.milli);
  }
}

/** Patience with what came in at once; still ten minutes before half an hour outside is over. */
const EXPLAINED = 1.2;
const sign = (rule: BehaviourRule) => (rule.side === 'above' ? 1 : -1);

/** Warm goods and an open door come back by themselves; a dead compressor does not. */
function excursion(rule: BehaviourRule, track: Track, value: number, outsideMs: number): Verdict {
  const away = sign(rule) * (value - rule.limit);
  const back = -sign(rule) * (track.slope(10 * MINUTE) ?? 0);
  const returnsIn = back > 8 ? away / back : Number.POSITIVE_INFINITY;
  const explained = rule.side === 'above' && track.undisturbedMs < SETTLED_MS;
  const patience = returnsIn < 90 ? rule.patience : explained ? EXPLAINED * rule.dwell : rule.dwell;
  return {
    raise: outsideMs >= patience,
    over: away < -300,
    threshold: rule.limit,
    facts: () => ({ stays: back > 8 ? 0 : 1 }),
  };
}

const settled = (rule: BehaviourRule, track: Track, forMs = SETTLED_MS) =>
  rule.side === 'below' || track.undisturbedMs > forMs;

/** Newton: what is left of the way shrinks with the distance, so the straight line is the early end of the range. */
function heading(rule: BehaviourRule, track: Track, value: number): Verdict {
  const { usual } = track;
  const slope = sign(rule) * (track.slope(20 * MINUTE) ?? 0);
  if (!usual) return QUIET;
  const s = sign(rule);
  const edge = rule.side === 'above' ? usual.high : usual.low;
  const cycle = rule.side === 'above' ? usual.riseMs : usual.fallMs;
  const going = rule.side === 'above' ? track.risingMs : track.fallingMs;
  const beyond = s * (value - edge);
  const ahead = forecast(track, rule.limit, rule.side);
  // What a door let in comes quickly and then less and less; a dead compressor warms on and on.
  const latest = sign(rule) * (track.slope(10 * MINUTE) ?? 0);
  const steady = going >= Math.max(28 * MINUTE, 1.1 * cycle) && latest > Math.max(4, 0.6 * slope);
  return {
    raise:
      ahead !== undefined &&
      ahead.earliest < 720 &&
      ((settled(rule, track) && beyond > rule.margin && steady && slope > 4) || passed(rule, track, value)),
    over: beyond < rule.margin / 2,
    threshold: rule.limit,
    facts: () => ({ going: minutes(going), ...(ahead && ahead.latest > 0 ? rangeOf(ahead) : {}) }),
  };
}

/** `latest` is null when it may level off before. */
const rangeOf = ({ earliest, latest }: Forecast) => ({
  earliest: Math.round(earliest),
  latest: Number.isFinite(latest) ? Math.round(latest) : null,
});

/** Past the point where the compressor switches, and going on as if it did not. */
function passed(rule: BehaviourRule, track: Track, value: number): boolean {
  const { usual } = track;
  const windowMs = Math.min(LATEST_MS, Math.max(PASSED_MS, 1.2 * (usual?.bumpMs ?? 0)));
  const points = track.window(windowMs);
  if (!usual || !points || rule.side === 'below') return false;
  const [latest, before] = [track.slope(8 * MINUTE) ?? 0, track.slope(windowMs) ?? 0];
  const least = Math.min(...points.map((p) => p.milli));
  return (
    value - usual.peak > Math.max(PASSED, 0.2 * usual.range) &&
    least > usual.peak - 100 &&
    Math.min(latest, before) > 0.6 * usual.restRate &&
    Math.max(latest, before) < 1.4 * usual.restRate + 10 &&
    drawdown(points) < Math.max(150, 3 * track.profile.jitter)
  );
}

/** The furthest that it came down again after any of its highs. */
function drawdown(points: readonly { milli: number }[]): number {
  let high = Number.NEGATIVE_INFINITY;
  let worst = 0;
  for (const { milli } of points) {
    high = Math.max(high, milli);
    worst = Math.max(worst, high - milli);
  }
  return worst;
}

const PASSED = 300;
const LATEST_MS = 50 * MINUTE;
const PASSED_MS = 18 * MINUTE;

/** All of the last fifty minutes beyond what this place usually reaches, and not on the way back. */
function level(rule: BehaviourRule, track: Track, value: number): Verdict {
  const { usual } = track;
  const points = track.window(50 * MINUTE);
  if (!usual || !points) return QUIET;
  const s = sign(rule);
  const edge = rule.side === 'above' ? usual.high : usual.low;
  const nearest = Math.min(...points.map((p) => s * (p.milli - edge)));
  const back = -s * (track.slope(20 * MINUTE) ?? 0);
  return {
    raise: nearest > rule.margin && settled(rule, track, 2 * SETTLED_MS) && back < 2,
    over: s * (value - edge) < rule.margin / 2,
    threshold: edge,
    facts: () => ({}),
  };
}

function drift(track: Track, value: number): Verdict {
  const found = track.drift;
  if (!found) return QUIET;
  const { share, scatter } = found;
  const bound = Math.max(0.2, 5 * scatter);
  return {
    raise: share > bound,
    over: share < bound / 2,
    threshold: value,
    facts: () => ({ share: Math.round(share * 100) }),
  };
}

function frozen(track: Track, value: number): Verdict {
  const { usual, profile } = track;
  if (!usual) return QUIET;
  const bound = Math.min(50 * MINUTE, Math.max(25 * MINUTE, 2 * profile.longestSameMs));
  const same = track.sameMs >= bound && profile.longestSameMs < 40 * MINUTE;
  // Where cycles are large enough to be seen, no movement at all for most of an hour is none of the fridge's.
  const flat = usual.range > 300 && track.sameMs >= 45 * MINUTE;
  return {
    raise: same || flat,
    over: track.sameMs < 5 * MINUTE,
    threshold: value,
    facts: () => ({ same: minutes(track.sameMs) }),
  };
}

function erratic(track: Track, value: number): Verdict {
  const jitter = track.jitter(20 * MINUTE);
  if (jitter === undefined || !track.usual) return QUIET;
  const bound = Math.max(1000, 6 * track.profile.jitter);
  return {
    raise: jitter > bound,
    over: jitter < bound / 2,
    threshold: value,
    facts: () => ({ jitter: Math.round(jitter) }),
  };
}
