import { mkdirSync } from 'node:fs';
import { freePort, getJson, Program, until } from './programs.js';

export interface TestRelay {
  program: Program;
  port: number;
  url: string;
}

export interface RelayOptions {
  port?: number;
  /** Where it writes to Kafka; absent: its own log, in FOLDER/relay. */
  kafka?: string | undefined;
  http?: object;
  viewers?: object;
  gateways?: object;
  tokens?: Record<string, string>;
  sources?: object;
  archive?: object;
  /** Whether the relay computes streams itself; absent: where there is no Kafka. */
  streams?: boolean;
  regions?: object;
  mqtt?: object[];
  registry?: object;
  /** Records are Avro of this registry. */
  kafkaRegistry?: object;
  /** More of the relay's `kafka:`. */
  kafkaSettings?: object;
}

/** A relay that takes batches: its own process, its settings and its log in that folder. */
export async function startRelay(folder: string, options: RelayOptions = {}): Promise<TestRelay> {
  const port = options.port ?? (await freePort());
  const url = `http://127.0.0.1:${port}`;
  mkdirSync(folder, { recursive: true });
  const config = {
    data: `${folder}/relay`,
    http: { host: '127.0.0.1', port, public_url: url, ...options.http },
    // Tests look from the same machine.
    viewers: options.viewers ?? { open_to: ['127.0.0.1/32'] },
    ...(options.tokens ? { tokens: options.tokens } : {}),
    ...(options.gateways ? { gateways: options.gateways } : {}),
    ...(options.sources ? { sources: options.sources } : {}),
    ...(options.archive ? { archive: options.archive } : {}),
    ...(options.regions ? { regions: options.regions } : {}),
    ...(options.streams === undefined ? {} : { streams: options.streams }),
    ...(options.registry ? { registry: options.registry } : {}),
    ...(options.mqtt ? { mqtt: options.mqtt } : {}),
    ...(options.kafka
      ? {
          kafka: {
            brokers: [options.kafka],
            ...(options.kafkaRegistry ? { registry: options.kafkaRegistry } : {}),
            ...options.kafkaSettings,
          },
        }
      : {}),
  };
  const program = new Program('relay', config, folder);
  await until('the relay', 60_000, () => getJson(`${url}/readyz`));
  return { program, port, url };
}
