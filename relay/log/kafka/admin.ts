import type { Admin, Kafka as KafkaClient, SASLOptions } from 'kafkajs';
import type { Logger } from 'pino';
import type { KafkaConfig } from '../../config/relay.js';
import { Kafka, logLevel } from './client.js';
import { unavailable } from './lane.js';

/** kafkajs logs each retry as an error of its own: to us they are details. */
export function connectTo(config: KafkaConfig, log: Logger | undefined): KafkaClient {
  return new Kafka({
    clientId: 'coldwatch-relay',
    brokers: config.brokers,
    ssl: config.ssl,
    ...(config.sasl ? { sasl: config.sasl as SASLOptions } : {}),
    logLevel: logLevel.WARN,
    logCreator:
      () =>
      ({ label, log: { message, ...rest } }) => {
        log?.debug({ kafka: rest.error ?? rest.logger, label }, message);
      },
  });
}

export async function withAdmin(config: KafkaConfig, work: (admin: Admin) => Promise<void>): Promise<void> {
  const admin = connectTo(config, undefined).admin();
  try {
    await admin.connect();
    await work(admin);
  } catch (error) {
    throw unavailable(error);
  } finally {
    await admin.disconnect().catch(() => {});
  }
}
