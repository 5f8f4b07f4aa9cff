import type { Admin, Kafka as KafkaClient, SASLOptions } from 'kafkajs';
import type { Logger } from 'pino';
import { Kafka, logLevel } from './client.js';
import { unavailable } from './failures.js';
import type { KafkaConfig } from './schema.js';

/** kafkajs's own waits grow to half a minute: a Kafka that is back is to be noticed within a second or two. */
const RETRY = { initialRetryTime: 100, multiplier: 2, maxRetryTime: 1000, retries: 8 };

/** kafkajs logs each retry as an error of its own: to us they are details. */
export function connectTo(config: KafkaConfig, log: Logger | undefined): KafkaClient {
  return new Kafka({
    clientId: 'coldwatch-relay',
    brokers: config.brokers,
    ssl: config.ssl,
    ...(config.sasl ? { sasl: config.sasl as SASLOptions } : {}),
    retry: RETRY,
    logLevel: logLevel.WARN,
    logCreator:
      () =>
      ({ label, log: { message, ...rest } }) => {
        log?.debug({ kafka: rest.error ?? rest.logger, label }, message);
      },
  });
}

export async function withAdmin(
  config: KafkaConfig,
  work: (admin: Admin, kafka: KafkaClient) => Promise<void>,
): Promise<void> {
  const kafka = connectTo(config, undefined);
  const admin = kafka.admin();
  try {
    await admin.connect();
    await work(admin, kafka);
  } catch (error) {
    throw unavailable(error);
  } finally {
    await admin.disconnect().catch(() => {});
  }
}
