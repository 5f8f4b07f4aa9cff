import { z } from 'zod';
import { PURPOSES } from '../../core/contract/sensors.js';
import { budgetRuleSchema } from '../../core/detect/measure/rules.js';
import { ruleSchema } from '../../core/detect/rules.js';
import { idSchema } from '../../core/identity.js';
import { policySchema } from '../../core/policy/local.js';
import { duration } from '../../core/schema.js';
import { LANGUAGES } from '../../core/text/catalog.js';
import { linesConfigSchema } from '../annunciate/schema.js';
import { smsConfigSchema } from '../annunciate/sms/schema.js';
import { w1SourceSchema } from '../drivers/gpio/w1-schema.js';
import { kernelSourceSchema } from '../drivers/kernel/schema.js';
import { mqttConfigSchema, mqttSourceSchema } from '../drivers/mqtt/schema.js';
import { lineSourceSchema, modbusSourceSchema } from '../drivers/serial/schema.js';
import { forwardConfigSchema } from '../forward/schema.js';
import { calibrationSchema } from '../ingest/calibration.js';
import { ringConfigSchema } from '../ring/schema.js';

const timezone = z.string().refine((zone) => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}, 'expected a time zone such as "Africa/Nairobi"');

const sensorSchema = z.strictObject({
  id: idSchema,
  name: z.string().min(1).max(60).optional().describe('what staff call it'),
  model: z.string().optional().describe('maker/model from device-configs/models'),
  source: z.discriminatedUnion('kind', [
    w1SourceSchema,
    modbusSourceSchema,
    lineSourceSchema,
    mqttSourceSchema,
    kernelSourceSchema,
  ]),
  accept_unchecked: z
    .boolean()
    .default(false)
    .describe('the installer has compared this model with a display or a reference'),
  every: duration.optional().describe('overrides the model’s cadence'),
  calibration: calibrationSchema.optional(),
  median_of_three: z
    .boolean()
    .default(false)
    .describe(
      'rules see the middle of the last three temperatures: single wild values never count; records keep each',
    ),
  stuck_after: duration.optional().describe('overrides the model’s: the same value for so long is a fault'),
  preset: z.string().optional().describe('limits from device-configs/presets'),
  purpose: z
    .enum(PURPOSES)
    .exclude(['door', 'mains'])
    .optional()
    .describe('what it watches, for those who look from afar; absent: what its preset is for'),
  products: z
    .array(z.string().min(1))
    .max(20)
    .default([])
    .describe('stability budgets, from files in the folder products/ beside the site file'),
  goods_since: z.iso
    .datetime({ offset: true })
    .optional()
    .describe('when the goods came in: budgets count from then'),
  learn_since: z.iso
    .date()
    .optional()
    .describe(
      'set to today when the fridge was repaired or exchanged: what was learned of it before is forgotten',
    ),
  rules: z.array(ruleSchema).max(20).default([]),
});

/** A contact on a GPIO line. `active` is the level when the door is open, or the mains is there. */
const contactSchema = z.strictObject({
  id: idSchema,
  name: z.string().min(1).max(60).optional(),
  role: z.enum(['door', 'mains']),
  line: z.int().min(0).max(1023),
  active: z.enum(['high', 'low']).default('high'),
  every: duration.default(60_000),
  after: duration.default(300_000).describe('how long open, or how long without mains, until it alarms'),
  severity: z.enum(['info', 'warning', 'critical']).default('warning'),
});

export const siteSchema = z.strictObject({
  clinic: z.strictObject({
    id: idSchema,
    name: z.string().min(1).max(40),
    timezone: timezone.default('UTC'),
    language: z.enum(LANGUAGES).default('en'),
  }),
  gateway: idSchema,
  data: z.string().min(1).describe('folder of the ring; on a partition that can be written'),
  sensors: z.array(sensorSchema).max(500).default([]),
  contacts: z.array(contactSchema).max(50).default([]),
  people: z
    .array(
      z.strictObject({
        id: idSchema,
        name: z.string().min(1).max(40),
        phone: z
          .string('expected an international number in quotes, such as "+254700000001"')
          .regex(
            /^\+[1-9][0-9]{6,14}$/,
            'expected an international number without spaces, such as "+254700000001"',
          ),
      }),
    )
    .max(50)
    .default([]),
  alarm: policySchema.prefault({}),
  gpio: z
    .strictObject({
      root: z.string().default('/sys/class/gpio'),
      w1_root: z.string().default('/sys/bus/w1/devices'),
      kernel_root: z.string().default('/sys').describe('where iio and hwmon devices are'),
    })
    .prefault({}),
  lines: linesConfigSchema.prefault({}),
  mqtt: mqttConfigSchema.optional(),
  sms: smsConfigSchema.optional(),
  relay: forwardConfigSchema.optional().describe('absent: this gateway works alone'),
  ring: ringConfigSchema.prefault({}),
  clock: z
    .strictObject({
      synchronised_file: z
        .string()
        .optional()
        .describe(
          'exists once the clock of this boot is set; absent: that of systemd-timesyncd, where it runs',
        ),
    })
    .prefault({}),
  http: z
    .strictObject({ host: z.string().default('0.0.0.0'), port: z.int().min(0).max(65_535).default(8080) })
    .prefault({}),
  log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') }).prefault({}),
});

export type SiteConfig = z.output<typeof siteSchema>;
export type SensorConfig = SiteConfig['sensors'][number];
export type ContactConfig = SiteConfig['contacts'][number];

/** products/<name>.yaml beside the site file: what a product may bear, by its own stability report. */
export const productSchema = z.strictObject({
  product: z.string().min(1).max(80),
  source: z.string().min(1).max(200).describe('the stability report, with its edition; never a guess'),
  budgets: z
    .array(budgetRuleSchema.omit({ kind: true, product: true, source: true, since: true }))
    .min(1)
    .max(10),
});
export type Product = z.output<typeof productSchema>;

/** device-configs/presets/<name>.yaml */
export const presetSchema = z.strictObject({
  preset: z.string().regex(/^[a-z0-9-]+$/, 'expected a name in lower case'),
  name: z.string().min(1),
  source: z.string().min(1).describe('whose rules these are'),
  purpose: z.enum(PURPOSES).exclude(['door', 'mains']).default('other').describe('what has such limits'),
  rules: z.array(ruleSchema).min(1).max(20),
});
export type Preset = z.output<typeof presetSchema>;
