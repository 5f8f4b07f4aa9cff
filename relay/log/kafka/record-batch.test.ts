import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeBatch, type KafkaBatch, type KafkaRecord, replaceEncoder } from './record-batch.js';

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
        expect(encodeBatch(batch, crc32C).equals(theirs.buffer)).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
});
