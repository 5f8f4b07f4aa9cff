import { z } from 'zod';
import { messageOf } from '../../core/errors.js';
import { idSchema } from '../../core/identity.js';
import { QUANTITY_NAMES } from '../../core/units.js';

/** A JSON Schema of an object, checked here so that a wrong one is told when the file is read. */
const jsonSchema = z.record(z.string(), z.unknown()).superRefine((schema, context) => {
  try {
    if (schema.type !== 'object') throw new Error('the payload must be of type object');
    z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  } catch (error) {
    context.addIssue({ code: 'custom', message: `expected a JSON Schema of an object: ${messageOf(error)}` });
  }
});

const scope = z
  .string()
  .regex(/^(pos|erp|webhook:[a-z0-9][a-z0-9_-]*)$/, 'expected "pos", "erp" or "webhook:NAME"');

/** Where sales, stock and webhooks come from. */
export const sourcesConfigSchema = z.strictObject({
  tokens: z
    .array(
      z.strictObject({
        token: z.string().min(16).describe('a secret'),
        scopes: z.array(scope).min(1).describe('`pos`, `erp` or `webhook:NAME`'),
      }),
    )
    .max(100)
    .default([])
    .describe('bearer tokens, each for some sources; a source that no token names is closed'),
  reorder: z
    .record(z.string().min(1).max(80), z.number().min(0))
    .default({})
    .describe('below how many units of a SKU somebody must order'),
  webhooks: z
    .record(
      idSchema,
      z.strictObject({
        secret: z
          .string()
          .regex(/^whsec_[A-Za-z0-9+/=]{16,}$/, 'expected whsec_ and the secret in base64')
          .optional()
          .describe('Standard Webhooks: with it the signature lets in, and no token is needed'),
        schema: jsonSchema.describe('JSON Schema of the payload'),
      }),
    )
    .default({})
    .describe('by the name that stands in the path'),
});
export type SourcesConfig = z.output<typeof sourcesConfigSchema>;

/** `sites/{clinic}/{sensor}/temperature`: levels that name the clinic and the sensor; `+` says nothing. */
const pattern = z
  .string()
  .min(1)
  .max(200)
  .regex(
    /^(\{clinic\}|\{sensor\}|\+|[^/+#{}]+)(\/(\{clinic\}|\{sensor\}|\+|[^/+#{}]*))*$/,
    'expected a topic with levels such as {clinic}, {sensor} or +',
  );

const topicSchema = z
  .strictObject({
    topic: pattern.describe('levels {clinic} and {sensor} name those; + says nothing'),
    clinic: idSchema.optional().describe('where the topic does not name it'),
    sensor: idSchema.optional().describe('where the topic does not name it'),
    quantity: z.enum(QUANTITY_NAMES).default('temperature').describe('what is measured, in its own unit'),
    value: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe('path in a JSON payload, `data.temp`; absent: the payload is the number'),
    time: z
      .strictObject({
        path: z.string().min(1).max(200).describe('where it is in the payload'),
        format: z.enum(['iso', 'unix_s', 'unix_ms']).describe('how it is written'),
      })
      .optional()
      .describe('absent: when it came'),
  })
  .superRefine((entry, context) => {
    for (const name of ['clinic', 'sensor'] as const) {
      if (entry.topic.includes(`{${name}}`) === (entry[name] !== undefined)) {
        const message = `expected ${name} once: as {${name}} in the topic or beside it`;
        context.addIssue({ code: 'custom', path: [name], message });
      }
    }
    if (entry.time && entry.value === undefined) {
      context.addIssue({ code: 'custom', path: ['time'], message: 'expected `value` too: a path in JSON' });
    }
  });
export type MqttTopic = z.output<typeof topicSchema>;

/** A broker of sites that have no agent. */
export const mqttSourceSchema = z.strictObject({
  name: idSchema.describe('readings of it come from the gateway `mqtt-NAME`'),
  url: z
    .string()
    .regex(/^(mqtts?|wss?):\/\/[^\s]+$/, 'expected mqtt://HOST, mqtts://HOST, ws:// or wss://')
    .describe('of the broker'),
  username: z.string().optional().describe('at that broker'),
  password: z.string().optional().describe('at that broker, a secret'),
  ca: z.string().optional().describe('PEM file of the authority that signed the broker’s certificate'),
  topics: z.array(topicSchema).min(1).max(100).describe('what is subscribed to'),
});
export type MqttSource = z.output<typeof mqttSourceSchema>;

export const mqttSourcesSchema = z
  .array(mqttSourceSchema)
  .max(50)
  .default([])
  .superRefine((all, context) => {
    const names = all.map(({ name }) => name);
    for (const [i, name] of names.entries()) {
      if (names.indexOf(name) === i) continue;
      context.addIssue({ code: 'custom', path: [i, 'name'], message: 'expected a name of its own' });
    }
  });
