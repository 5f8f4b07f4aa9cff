import { z } from 'zod';
import { httpUrl } from '../../../core/schema.js';

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
