import { expect, it } from 'vitest';
import { relaySchema } from '../config/relay.js';
import { flinkEnv } from './flink-env.js';

it('says what the Flink job must know, with quotes that end no string', () => {
  const config = relaySchema.parse({
    data: '/tmp',
    sources: { reorder: { "O'NEIL": 20 } },
    regions: { coast: { clinics: ['a', 'b'] } },
    kafka: {
      brokers: ['k:9092'],
      topic_prefix: 'west.',
      registry: { url: 'http://r/registry', username: 'u', password: 'p' },
    },
  });
  expect(flinkEnv(config)).toEqual({
    REORDER: "('O''NEIL', 20)",
    REGIONS: "('a', 'coast', 2), ('b', 'coast', 2)",
    TOPIC_PREFIX: 'west.',
    REGISTRY: 'http://r/registry',
    REGISTRY_AUTH: 'u:p',
  });
  expect(flinkEnv(relaySchema.parse({ data: '/tmp' }))).toEqual({});
});
