import { z } from 'zod';
import { duration, milli } from '../../schema.js';
import { ruleName, ruleSeverity } from '../rule-head.js';
import { forestSchema } from './forest.js';
import { VIAL_MONITORS } from './vial.js';

const alert = z.enum(['excursion', 'pre_alarm']).describe('type of its alerts');
const since = z.iso
  .datetime({ offset: true })
  .describe('when the goods came in: what was used before is forgotten');

/** How fast, or in what shape, a temperature moves. */
export const trendRuleSchema = z
  .strictObject({
    kind: z.literal('trend'),
    name: ruleName,
    what: z
      .enum(['rate', 'rising', 'spike_then_drop'])
      .describe(
        'rate: moved by at least `by` within `over`; rising: each reading of `over` above the one before, by `by` in all; spike_then_drop: up by `by` and down again by as much within `over`',
      ),
    by: milli.describe('how far, °C'),
    over: duration.default(180_000).describe('in which time'),
    severity: ruleSeverity.default('warning'),
    alert: alert.default('pre_alarm'),
  })
  .describe('How fast, or in what shape, a temperature moves');

/** Mean kinetic temperature: one number for what heat did over a window. */
export const mktRuleSchema = z
  .strictObject({
    kind: z.literal('mkt'),
    name: ruleName,
    limit: milli.describe('°C'),
    window: duration.describe(
      '24h for 2 to 8 °C, 30d for controlled room temperature; says nothing before most of it is known',
    ),
    gap: duration.default(1_800_000).describe('a longer silence counts for nothing'),
    severity: ruleSeverity.default('warning'),
    alert: alert.default('excursion'),
  })
  .describe('Mean kinetic temperature: one number for what heat did over a window');

/** Life of a vaccine vial monitor that heat has used up. */
export const vvmRuleSchema = z
  .strictObject({
    kind: z.literal('vvm'),
    name: ruleName,
    monitor: z.literal(VIAL_MONITORS).describe('category: days that the monitor lasts at 37 °C'),
    used: z.number().min(0.01).max(1).describe('share of its life'),
    since: since.optional(),
    severity: ruleSeverity.default('warning'),
    alert: alert.default('excursion'),
  })
  .describe('Life of a vaccine vial monitor that heat has used up');

/** Time that a product may be out of its range in all, by its own stability report. */
export const budgetRuleSchema = z
  .strictObject({
    kind: z.literal('budget'),
    name: ruleName,
    product: z.string().min(1).max(80).describe('what it is called in alerts'),
    source: z.string().min(1).max(200).describe('the stability report that says so, with its edition'),
    above: milli.describe('time above this counts, °C'),
    up_to: milli.optional().describe('a temperature beyond this uses all of the budget at once'),
    allowed: duration.describe('how much time in all'),
    since: since.optional(),
    severity: ruleSeverity.default('critical'),
    alert: alert.default('excursion'),
  })
  .describe('Time that a product may be out of its range in all, by its own stability report');

/** Unusual by statistics: against the last minutes (z-score), or by a trained isolation forest. */
export const anomalyRuleSchema = z
  .strictObject({
    kind: z.literal('anomaly'),
    name: ruleName,
    what: z
      .enum(['zscore', 'extreme', 'forest'])
      .describe(
        'zscore: against the values of the window before it; extreme: beyond 99 % of the hours of the last 28 days; forest: by a trained isolation forest',
      ),
    window: duration.default(300_000).describe('zscore: the time to compare with'),
    threshold: z
      .number()
      .positive()
      .optional()
      .describe(
        'zscore: deviations (3); extreme: deviations beyond that (1); forest: score (the model’s own)',
      ),
    dwell: duration.default(0).describe('unusual for so long'),
    model: z
      .union([forestSchema, z.string()])
      .optional()
      .describe('forest: as `coldwatch train` writes it, or the path of that file'),
    severity: ruleSeverity.default('warning'),
    alert: alert.default('pre_alarm'),
  })
  .describe(
    'Unusual by statistics: against the last minutes, the last weeks, or what a forest was trained on',
  );
/** `by` in thousandths of a °C, `over` in ms. */
export type TrendRule = z.output<typeof trendRuleSchema>;
/** `limit` in thousandths of a °C, times in ms. */
export type MktRule = z.output<typeof mktRuleSchema>;
/** `used` is a share from 0 to 1. */
export type VvmRule = z.output<typeof vvmRuleSchema>;
/** `above` and `up_to` in thousandths of a °C, `allowed` in ms. */
export type BudgetRule = z.output<typeof budgetRuleSchema>;
/** `threshold` in deviations or as a score, times in ms. */
export type AnomalyRule = z.output<typeof anomalyRuleSchema>;
