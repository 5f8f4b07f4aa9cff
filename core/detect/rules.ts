import { z } from 'zod';
import { duration, milli } from '../schema.js';
import { QUANTITY_NAMES } from '../units.js';
import { type Accumulated, stepAccumulate } from './accumulate.js';
import { behaviourRuleSchema } from './behaviour.js';
import { proof } from './cadence.js';
import { DWELL_START, type DwellState, stepDwell, type Transition, type Zone } from './dwell.js';
import {
  anomalyRuleSchema,
  budgetRuleSchema,
  mktRuleSchema,
  trendRuleSchema,
  vvmRuleSchema,
} from './measure/rules.js';
import { ruleName, ruleSeverity } from './rule-head.js';

/** threshold + dwell + hysteresis: "above 8 °C for 10 minutes, over when below 7.5 °C again". */
const thresholdRuleSchema = z
  .strictObject({
    kind: z.literal('threshold'),
    name: ruleName,
    quantity: z.enum(QUANTITY_NAMES).default('temperature').describe('what it looks at'),
    side: z.enum(['above', 'below']).describe('which side of the limit is outside'),
    limit: milli.describe('in the unit of the quantity: °C, % RH, V, %, hPa'),
    bound: z
      .enum(['exclusive', 'inclusive'])
      .default('exclusive')
      .describe('inclusive: the limit itself is outside'),
    dwell: duration.describe('how long outside until it alarms'),
    accumulation: z
      .enum(['consecutive', 'cumulative'])
      .default('consecutive')
      .describe('cumulative: time outside adds up over the window, in however many pieces'),
    window: duration.default(86_400_000).describe('cumulative: how far back it adds up'),
    hysteresis: milli
      .default(0)
      .describe('how far back inside the limit a reading must be to end the excursion'),
    reset_on: z
      .enum(['first_in_range', 'hysteresis'])
      .default('first_in_range')
      .describe(
        'what ends time outside that has not alarmed yet: the first reading inside, or one beyond the hysteresis',
      ),
    gap: duration
      .default(1_800_000)
      .describe(
        'a longer silence does not count as time outside; at least two and a half reports of the sensor',
      ),
    severity: ruleSeverity.default('critical'),
    alert: z
      .enum(['excursion', 'pre_alarm', 'low_battery'])
      .default('excursion')
      .describe('type of its alerts'),
  })
  .describe('A limit, how long it may be passed, and when it is over');

/** A door left open, mains gone: a contact that has stood in one position too long. */
const contactRuleSchema = z
  .strictObject({
    kind: z.literal('contact'),
    name: ruleName,
    when: z.union([z.literal(0), z.literal(1)]).describe('the position that counts'),
    dwell: duration.describe('how long it must stand there'),
    severity: ruleSeverity.default('warning'),
    alert: z.enum(['door_open', 'mains_lost']).describe('type of its alerts'),
  })
  .describe(
    'A contact that has stood in one position for too long; `contacts` of a site file make such rules',
  );

/** A sensor that is silent or gives only bad readings: its absence alarms, never its values. */
const sensorFaultRuleSchema = z
  .strictObject({
    kind: z.literal('sensor_fault'),
    name: ruleName,
    missing_after: duration
      .default(600_000)
      .describe(
        'no good reading for so long: communication lost; at least two and a half reports of the sensor',
      ),
    fault_after: duration
      .default(180_000)
      .describe('only failures for so long: sensor fault; at least one and a half reports of the sensor'),
    recover_readings: z.int().min(1).max(100).default(2).describe('good readings in a row that end it'),
    severity: ruleSeverity.default('warning'),
  })
  .describe('A sensor that is silent, or gives only bad readings');

export const ruleSchema = z.discriminatedUnion('kind', [
  thresholdRuleSchema,
  contactRuleSchema,
  sensorFaultRuleSchema,
  behaviourRuleSchema,
  trendRuleSchema,
  mktRuleSchema,
  vvmRuleSchema,
  budgetRuleSchema,
  anomalyRuleSchema,
]);

/** Times in ms, limit and hysteresis in thousandths of the quantity’s unit. */
export type ThresholdRule = z.output<typeof thresholdRuleSchema>;
/** Times in ms; `when` is the position that counts, 0 or 1. */
export type ContactRule = z.output<typeof contactRuleSchema>;
/** Times in ms. */
export type SensorFaultRule = z.output<typeof sensorFaultRuleSchema>;
/** A rule of any kind: times in ms, temperatures and limits in thousandths. */
export type Rule = z.output<typeof ruleSchema>;

/** Positive beyond the limit, negative inside it, in milli-units. */
export function excess(rule: { side: 'above' | 'below'; limit: number }, value: number): number {
  return rule.side === 'above' ? value - rule.limit : rule.limit - value;
}

/** Where a value stands with respect to a threshold rule. Exported for reports that need no state. */
export function thresholdZone(rule: ThresholdRule, value: number): Zone {
  const beyond = excess(rule, value);
  if (rule.bound === 'inclusive' ? beyond >= 0 : beyond > 0) return 'outside';
  return beyond + rule.hysteresis > 0 ? 'margin' : 'inside';
}

/** State of a rule with a limit, by its accumulation. Plain JSON. */
export type ThresholdState = DwellState | Accumulated;

export function stepThreshold(
  rule: ThresholdRule,
  state: ThresholdState,
  atMs: number,
  value: number,
  cadenceMs?: number,
): { state: ThresholdState; transition?: Transition } {
  const { dwell: dwellMs, reset_on: resetOn, window: windowMs } = rule;
  const gapMs = proof(rule.gap, cadenceMs);
  const zone = thresholdZone(rule, value);
  const input = { atMs, zone, excessMilli: excess(rule, value), milli: value };
  if (rule.accumulation === 'cumulative') {
    const own = state.phase === 'accumulated' ? state : undefined;
    return stepAccumulate({ dwellMs, windowMs, gapMs }, own, input);
  }
  return stepDwell({ dwellMs, gapMs, resetOn }, state.phase === 'accumulated' ? DWELL_START : state, input);
}

/** A contact's position is known at every moment, so no silence ever interrupts its dwell. */
export function stepContact(rule: ContactRule, state: ThresholdState, atMs: number, position: 0 | 1) {
  return stepDwell(
    { dwellMs: rule.dwell, gapMs: Number.POSITIVE_INFINITY, resetOn: 'first_in_range' },
    state.phase === 'accumulated' ? DWELL_START : state,
    {
      atMs,
      zone: position === rule.when ? 'outside' : 'inside',
      excessMilli: 0,
      milli: position * 1000,
    },
  );
}

export { DWELL_START, type Transition };
