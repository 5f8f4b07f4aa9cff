import type { Logger } from 'pino';
import type { Clock } from '../../core/clock/clock.js';
import type { Log, LogOptions } from './port.js';
import type { LogConfig } from './schema.js';

/** The log that the relay's file names; only what that one needs is loaded. Rejects with log.* where it cannot be opened. */
export async function openLog(
  config: LogConfig,
  clock: Clock,
  log: Logger,
  options: LogOptions = {},
): Promise<Log> {
  if (!config.kafka) {
    const { EmbeddedLog } = await import('./embedded/embedded.js');
    return new EmbeddedLog(config.data, clock, config.retention);
  }
  const { KafkaLog } = await import('./kafka/kafka.js');
  return KafkaLog.open(config.kafka, config.http.public_url ?? null, clock, log, options);
}
