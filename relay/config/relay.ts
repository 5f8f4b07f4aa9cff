import { z } from 'zod';
import { DAY } from '../../core/durations.js';
import { idSchema } from '../../core/identity.js';
import { duration } from '../../core/schema.js';
import { ALERTING_KINDS } from '../alerts/episodes.js';
import { checkGateways, gatewaysSchema, tokensSchema } from '../gateways/schema.js';
import { viewersSchema } from '../web/schema.js';
import { mqttSourcesSchema } from './mqtt.js';
import { sourcesConfigSchema } from './sources.js';

const httpUrl = z.url({ protocol: /^https?$/, error: 'expected http://HOST:PORT or https://…' });

/** Of a Kafka name, which has up to 249 characters. */
const PREFIX_MAX = 100;
/** The topics of back-tests are others' names behind this: nobody's prefix may end so. */
const BACKTEST = 'backtest.';
const topicPrefix = z
  .string()
  .max(PREFIX_MAX)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]*[._-]$/,
    'expected letters, digits, ".", "_" and "-", with one of those three at its end, such as west.',
  )
  .refine((prefix) => !prefix.endsWith(BACKTEST), `expected no ${BACKTEST} at its end`);

export const kafkaConfigSchema = z.strictObject({
  brokers: z
    .array(z.string().regex(/^[^\s:]+:\d+$/, 'expected host:port'))
    .min(1)
    .describe('each as host:port; some of them suffice'),
  topic_prefix: topicPrefix
    .default('')
    .describe(
      'begins the name of each topic, group, transactional id and registry subject: installations of different prefixes share a Kafka; fixed once there are topics',
    ),
  ssl: z.boolean().default(false).describe('TLS to the brokers'),
  sasl: z
    .strictObject({
      mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).describe('how it logs in'),
      username: z.string().describe('of this relay at the brokers'),
      password: z.string().describe('a secret'),
    })
    .optional()
    .describe('log-in at the brokers; absent: none'),
  lanes: z
    .int()
    .min(1)
    .max(256)
    .default(4)
    .describe('transactions side by side, shared by all relays; fixed once gateway.progress is there'),
  registry: z
    .strictObject({
      url: httpUrl.describe('its address'),
      username: z.string().optional().describe('HTTP Basic'),
      password: z.string().optional().describe('HTTP Basic, a secret'),
    })
    .optional()
    .describe(
      'a Confluent schema registry: records are then Avro; this relay’s own is at its address, below /registry',
    ),
  partitions: z.int().min(1).max(1000).default(6).describe('of the data topics, when they are made here'),
  replication: z.int().min(1).max(10).default(1).describe('copies of each partition, when made here'),
  compression: z
    .enum(['gzip', 'none'])
    .default('gzip')
    .describe('of what is written; every client reads both'),
});
export type KafkaConfig = z.output<typeof kafkaConfigSchema>;

const relayFields = z.strictObject({
  data: z.string().min(1).describe('folder of the embedded log'),
  http: z
    .strictObject({
      host: z.string().default('0.0.0.0').describe('address that it listens at'),
      port: z.int().min(0).max(65_535).default(8443).describe('port that it listens at'),
      public_url: httpUrl
        .optional()
        .describe(
          'where gateways reach this very relay; relays that share a Kafka send gateways to each other by it',
        ),
      tls: z
        .strictObject({
          cert: z.string().describe('this relay’s certificate'),
          key: z.string().describe('its key'),
          client_ca: z.string().optional().describe('who certifies gateways'),
        })
        .optional()
        .describe(
          'PEM files; with client_ca a gateway needs a certificate by that authority, with its id as URI urn:coldwatch:gateway:ID or as common name',
        ),
      connections: z
        .int()
        .min(10)
        .max(1_000_000)
        .default(20_000)
        .describe('open at once; further ones are refused'),
      request_timeout: duration
        .refine((ms) => ms >= 1000, 'expected at least 1 s')
        .default(60_000)
        .describe(
          'for a request to come in, its body included; agents on slow links need up to their `deadline`',
        ),
    })
    .prefault({}),
  gateways: gatewaysSchema
    .optional()
    .describe('each gateway with its clinic, and its token where it has no certificate; others are refused'),
  tokens: tokensSchema
    .optional()
    .describe(
      'bearer token of each gateway, for the clinic that it speaks of first; absent: no token is asked for',
    ),
  viewers: viewersSchema.optional().describe('who may look at the page, history and metrics; absent: nobody'),
  sources: sourcesConfigSchema
    .optional()
    .describe('sales, stock and webhooks; absent: nothing but gateways is taken'),
  archive: z
    .strictObject({
      postgres: z
        .string()
        .regex(/^postgres(ql)?:\/\//, 'expected postgres://user:password@host/database')
        .optional()
        .describe('absent: a SQLite file in the folder `data`'),
      readings_for: duration.default(3 * 366 * DAY).describe('readings; inspectors ask for three years'),
      aggregates_for: duration.default(10 * 366 * DAY).describe('five-minute aggregates'),
    })
    .optional()
    .describe('history for queries; absent: only what the log keeps'),
  registry: z
    .strictObject({
      username: z.string().min(1).describe('HTTP Basic'),
      password: z.string().min(8, 'expected at least 8 characters').describe('a secret'),
    })
    .optional()
    .describe('serves a schema registry below /registry, to whoever has this user and password'),
  streams: z
    .boolean()
    .optional()
    .describe('aggregates and findings in this process; absent: with the embedded log, where no Flink is'),
  mqtt: mqttSourcesSchema.describe('brokers of sites that have no agent'),
  traces: z
    .strictObject({
      otlp: httpUrl.describe('a collector that takes OTLP over HTTP, such as http://host:4318'),
      headers: z
        .record(z.string().regex(/^[A-Za-z0-9-]+$/), z.string())
        .default({})
        .describe('headers of each request, such as a key'),
      readings: z
        .number()
        .min(0)
        .max(1)
        .default(0.001)
        .describe('which share of the readings; alerts are all traced'),
    })
    .optional()
    .describe('traces from sensor to alert; absent: none are sent'),
  alert_on: z
    .array(z.enum(ALERTING_KINDS))
    .default(ALERTING_KINDS)
    .describe('findings of the streams that become alerts; [] for none'),
  regions: z
    .record(
      idSchema,
      z.strictObject({ clinics: z.array(idSchema).min(1).max(10_000).describe('each in one region') }),
    )
    .default({})
    .superRefine((regions, context) => {
      const seen = new Map<string, string>();
      for (const [region, { clinics }] of Object.entries(regions)) {
        for (const [i, clinic] of clinics.entries()) {
          const other = seen.get(clinic);
          const path = [region, 'clinics', i];
          if (other !== undefined)
            context.addIssue({
              code: 'custom',
              path,
              message: `expected a clinic once; "${other}" has it too`,
            });
          seen.set(clinic, region);
        }
      }
    })
    .describe('which clinics lie where: the streams then tell which share of a region is affected'),
  kafka: kafkaConfigSchema.optional().describe('absent: the embedded log'),
  retention: duration.default(2_592_000_000).describe('of the embedded log; Kafka keeps its own'),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('what is logged'),
    })
    .prefault({}),
});
export const relaySchema = relayFields.superRefine(checkGateways);
export type RelayConfig = z.output<typeof relaySchema>;
