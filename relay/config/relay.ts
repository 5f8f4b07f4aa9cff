import { z } from 'zod';
import { mqttSourcesSchema, sourcesConfigSchema } from '../accept/schema.js';
import { alertOnSchema } from '../alerts/schema.js';
import { archiveSchema } from '../archive/schema.js';
import { enrolSchema } from '../enrol/schema.js';
import { checkGateways, gatewaysSchema, tokensSchema } from '../gateways/schema.js';
import { kafkaConfigSchema } from '../log/kafka/schema.js';
import { retentionSchema } from '../log/schema.js';
import { registrySchema } from '../registry/schema.js';
import { regionsSchema } from '../streams/schema.js';
import { tracesSchema } from '../traces/schema.js';
import { httpSchema, viewersSchema } from '../web/schema.js';

const relayFields = z.strictObject({
  data: z.string().min(1).describe('folder of the embedded log'),
  http: httpSchema.prefault({}),
  gateways: gatewaysSchema
    .optional()
    .describe('each gateway with its clinic, and its token where it has no certificate; others are refused'),
  tokens: tokensSchema
    .optional()
    .describe(
      'bearer token of each gateway, for the clinic that it speaks of first; absent: no token is asked for',
    ),
  enrol: enrolSchema
    .optional()
    .describe('certifies gateways that show a claim token (coldwatch relay gateways invite); absent: none'),
  viewers: viewersSchema.optional().describe('who may look at the page, history and metrics; absent: nobody'),
  sources: sourcesConfigSchema
    .optional()
    .describe('sales, stock and webhooks; absent: nothing but gateways is taken'),
  archive: archiveSchema.optional().describe('history for queries; absent: only what the log keeps'),
  registry: registrySchema
    .optional()
    .describe('serves a schema registry below /registry, to whoever has this user and password'),
  streams: z
    .boolean()
    .optional()
    .describe('aggregates and findings in this process; absent: with the embedded log, where no Flink is'),
  mqtt: mqttSourcesSchema.describe('brokers of sites that have no agent'),
  traces: tracesSchema.optional().describe('traces from sensor to alert; absent: none are sent'),
  alert_on: alertOnSchema.describe('findings of the streams that become alerts; [] for none'),
  regions: regionsSchema.describe(
    'which clinics lie where: the streams then tell which share of a region is affected',
  ),
  kafka: kafkaConfigSchema.optional().describe('absent: the embedded log'),
  retention: retentionSchema.describe('of the embedded log; Kafka keeps its own'),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('what is logged'),
    })
    .prefault({}),
});
export const relaySchema = relayFields.superRefine(checkGateways);
export type RelayConfig = z.output<typeof relaySchema>;
