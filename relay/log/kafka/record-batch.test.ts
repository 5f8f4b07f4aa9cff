import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  COMPRESSION,
  encodeBatch,
  type KafkaBatch,
  type KafkaRecord,
  replaceEncoder,
} from './record-batch.js';

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.string({ minLength: 100 }),
);
const bytes = fc.oneof(
  text,
  fc.uint8Array().map((array) => Buffer.from(array)),
);
const record = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.dictionary(fc.string({ maxLength: 20 }), fc.oneof(text, fc.array(text, { maxLength: 3 })), {
    maxKeys: 6,
    noNullPrototype: true,
  }),
  timestampDelta: fc.oneof(fc.nat(), fc.integer({ min: 0, max: 10 ** 13 })),
});

it('writes the very bytes of kafkajs', async () => {
  const { Record, RecordBatch, crc32C } = replaceEncoder();
  await fc.assert(
    fc.asyncProperty(
      fc.array(record, { minLength: 1, maxLength: 20 }),
      fc.record({
        firstTimestamp: fc.integer({ min: 0, max: 4e12 }).map(String),
        maxTimestamp: fc.integer({ min: 0, max: 4e12 }).map(String),
        transactional: fc.boolean(),
        producerId: fc.nat(),
        producerEpoch: fc.nat(1000),
        firstSequence: fc.nat(),
      }),
      async (some, head) => {
        const records: KafkaRecord[] = some.map((one, offsetDelta) => ({ ...one, offsetDelta }));
        const batch: KafkaBatch = { ...head, records, lastOffsetDelta: records.length - 1 };
        const theirs = await RecordBatch({ ...batch, records: records.map(Record) });
        expect((await encodeBatch(batch, crc32C)).equals(theirs.buffer)).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
});

it('what it compresses is read back by kafkajs, and small batches stay as they are', async () => {
  const require = createRequire(import.meta.url);
  const { crc32C } = replaceEncoder();
  const decode = require('kafkajs/src/protocol/recordBatch/v0/decoder.js') as (
    of: unknown,
  ) => Promise<{ records: { value: Buffer; offset: string }[] }>;
  const Decoder = require('kafkajs/src/protocol/decoder.js') as new (buffer: Buffer) => unknown;
  const values = Array.from({ length: 1000 }, (_, i) => `reading ${i}`);
  const batch = (some: string[]): KafkaBatch => ({
    compression: COMPRESSION.gzip,
    firstTimestamp: '1770000000000',
    maxTimestamp: '1770000000000',
    lastOffsetDelta: some.length - 1,
    transactional: true,
    producerId: 1,
    producerEpoch: 0,
    firstSequence: 0,
    records: some.map((value, offsetDelta) => ({
      key: 'k',
      value,
      headers: {},
      timestampDelta: 0,
      offsetDelta,
    })),
  });
  for (const some of [values, values.slice(0, 3)]) {
    const { records } = await decode(new Decoder(await encodeBatch(batch(some), crc32C)));
    expect(records.map(({ value }) => String(value))).toEqual(some);
  }
  const plain = { ...batch(values), compression: COMPRESSION.none };
  expect((await encodeBatch(batch(values), crc32C)).length).toBeLessThan(
    (await encodeBatch(plain, crc32C)).length / 3,
  );
});
