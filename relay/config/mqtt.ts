import { z } from 'zod';
import { idSchema } from '../../core/identity.js';
import { QUANTITY_NAMES } from '../../core/units.js';

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
