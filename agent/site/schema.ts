import { z } from 'zod';
import { SEVERITIES } from '../../core/contract/messages.js';
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
  id: idSchema.describe('its name in records; it stays when staff rename it'),
  name: z.string().min(1).max(60).optional().describe('what staff call it'),
  model: z.string().optional().describe('maker/model from device-configs/models'),
  source: z
    .discriminatedUnion('kind', [
      w1SourceSchema,
      modbusSourceSchema,
      lineSourceSchema,
      mqttSourceSchema,
      kernelSourceSchema,
    ])
    .describe('where its readings come from'),
  accept_unchecked: z
    .boolean()
    .default(false)
    .describe('the installer has compared this model with a display or a reference'),
  every: duration.optional().describe('overrides the model’s cadence'),
  calibration: calibrationSchema.optional().describe('what its certificate says'),
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
  rules: z.array(ruleSchema).max(20).default([]).describe('its own, beside those of its preset'),
});

/** A contact on a GPIO line. */
const contactSchema = z.strictObject({
  id: idSchema.describe('its name in records'),
  name: z.string().min(1).max(60).optional().describe('what staff call it'),
  role: z.enum(['door', 'mains']).describe('what it watches'),
  line: z.int().min(0).max(1023).describe('BCM number of its GPIO line'),
  active: z
    .enum(['high', 'low'])
    .default('high')
    .describe('the level when the door is open, or the mains is there'),
  every: duration.default(60_000).describe('how often its position is recorded; changes are at once'),
  after: duration.default(300_000).describe('how long open, or how long without mains, until it alarms'),
  severity: z.enum(SEVERITIES).default('warning').describe('of its alert'),
});

export const siteSchema = z.strictObject({
  clinic: z.strictObject({
    id: idSchema.describe('its name in records and topics'),
    name: z.string().min(1).max(40).describe('what staff call it; stands in every text'),
    timezone: timezone.default('UTC').describe('of times in texts'),
    language: z.enum(LANGUAGES).default('en').describe('of texts: English, French, Swahili'),
  }),
  gateway: idSchema.describe('this gateway’s name at the relay: no other may have it'),
  data: z.string().min(1).describe('folder of the ring; on a partition that can be written'),
  sensors: z.array(sensorSchema).max(500).default([]).describe('what is measured'),
  contacts: z.array(contactSchema).max(50).default([]).describe('doors and mains'),
  people: z
    .array(
      z.strictObject({
        id: idSchema.describe('what `alarm.steps` calls this person'),
        name: z.string().min(1).max(40).describe('as others read who has an alarm'),
        phone: z
          .string('expected an international number in quotes, such as "+254700000001"')
          .regex(
            /^\+[1-9][0-9]{6,14}$/,
            'expected an international number without spaces, such as "+254700000001"',
          )
          .describe('international and in quotes: "+254700000001"'),
      }),
    )
    .max(50)
    .default([])
    .describe('who can be texted; replies of others are not listened to'),
  alarm: policySchema.prefault({}),
  gpio: z
    .strictObject({
      root: z.string().default('/sys/class/gpio').describe('where GPIO lines are'),
      w1_root: z.string().default('/sys/bus/w1/devices').describe('where 1-wire probes are'),
      kernel_root: z.string().default('/sys').describe('where iio and hwmon devices are'),
    })
    .prefault({}),
  lines: linesConfigSchema.prefault({}),
  mqtt: mqttConfigSchema.optional().describe('needed by sensors of kind `mqtt`'),
  sms: smsConfigSchema.optional().describe('a GSM modem; absent: nobody is texted'),
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
    .strictObject({
      host: z.string().default('0.0.0.0').describe('address of the status page'),
      port: z.int().min(0).max(65_535).default(8080).describe('port of the status page'),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('what is logged'),
    })
    .prefault({}),
});

export type SiteConfig = z.output<typeof siteSchema>;
export type SensorConfig = SiteConfig['sensors'][number];
export type ContactConfig = SiteConfig['contacts'][number];

/** products/<name>.yaml beside the site file: what a product may bear, by its own stability report. */
export const productSchema = z.strictObject({
  product: z.string().min(1).max(80).describe('what it is called in alerts'),
  source: z.string().min(1).max(200).describe('the stability report, with its edition; never a guess'),
  budgets: z
    .array(budgetRuleSchema.omit({ kind: true, product: true, source: true, since: true }))
    .min(1)
    .max(10)
    .describe('how long it may be beyond which temperature'),
});
export type Product = z.output<typeof productSchema>;

/** device-configs/presets/<name>.yaml */
export const presetSchema = z.strictObject({
  preset: z
    .string()
    .regex(/^[a-z0-9-]+$/, 'expected a name in lower case')
    .describe('as the file is called'),
  name: z.string().min(1).describe('as people say it'),
  source: z.string().min(1).describe('whose rules these are'),
  purpose: z.enum(PURPOSES).exclude(['door', 'mains']).default('other').describe('what has such limits'),
  rules: z.array(ruleSchema).min(1).max(20).describe('what alarms'),
});
export type Preset = z.output<typeof presetSchema>;
