import { pino } from 'pino';
import type { WallMs } from '../../../core/clock/clock.js';
import { SystemClock } from '../../../host/clock.js';
import { EmbeddedLog } from '../../../relay/log/embedded/embedded.js';
import { KafkaLog } from '../../../relay/log/kafka/kafka.js';
import { kafkaConfigSchema } from '../../../relay/log/kafka/schema.js';
import type { Log, LogRecord } from '../../../relay/log/port.js';
import { type Service, startKafka, tempFolder } from './services.js';

/** Both logs, each opened as relays open it. */
export interface Bench {
  /** A relay of that name on the same log; several may be open at once. */
  open(name?: string): Promise<Log>;
  close(): Promise<void>;
}

const silent = pino({ level: 'silent' });

/** The machine's, hours ahead when a test says so. */
class MovedClock extends SystemClock {
  aheadMs = 0;
  override wall(): WallMs {
    return (super.wall() + this.aheadMs) as WallMs;
  }
}
export const clock = new MovedClock();

export async function embedded(): Promise<Bench> {
  const folder = tempFolder('log');
  return {
    open: async () => new EmbeddedLog(folder.path, clock, 30 * 86_400_000),
    close: async () => folder.remove(),
  };
}

export async function kafka(): Promise<Bench> {
  const service: Service = await startKafka();
  // With a prefix: nothing of the log may know a topic by its bare name.
  const config = kafkaConfigSchema.parse({
    brokers: [service.address],
    topic_prefix: 'west.',
    lanes: 2,
    partitions: 2,
  });
  return {
    open: (name = 'one') => KafkaLog.open(config, `http://${name}`, clock, silent),
    close: () => service.stop(),
  };
}

let run = Date.now();
/** Ids of its own for each test: the log outlives them. */
export const fresh = () => {
  run += 1;
  return { gateway: `gw-${run}`, epoch: run.toString(16).padStart(16, '0') };
};

export const record = (gateway: string, seq: number): LogRecord => ({
  topic: 'iot.temperature',
  key: `clinic/${gateway}`,
  value: JSON.stringify({ gateway, seq }),
  headers: { gateway, seq: String(seq) },
  timestamp: Date.now(),
});

export const batch = (id: { gateway: string; epoch: string }, from: number, to: number) => ({
  ...id,
  stream: 'readings' as const,
  from,
  records: Array.from({ length: to - from + 1 }, (_, i) => record(id.gateway, from + i)),
});
