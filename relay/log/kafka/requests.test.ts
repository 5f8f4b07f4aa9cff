import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BATCH_HEAD_BYTES, encodeBatch, replaceEncoder } from './record-batch.js';
import { measured, RequestSplitter } from './requests.js';

const partitions = 3;
const record = fc.record({
  topic: fc.constantFrom('a', 'b'),
  partition: fc.nat(partitions - 1),
  value: fc.string({ maxLength: 300, unit: 'grapheme' }),
  header: fc.string({ maxLength: 60 }),
});

it('brings no partition more than its topic takes, unless a record alone is more, and keeps their order', async () => {
  const { crc32C } = replaceEncoder();
  await fc.assert(
    fc.asyncProperty(
      fc.array(record, { minLength: 1, maxLength: 80 }),
      fc.integer({ min: 1, max: 2000 }),
      async (some, most) => {
        const records = some.map(({ topic, partition, value, header }, i) =>
          measured(topic, { key: `k${i}`, value, headers: { header }, partition }),
        );
        const bounds = { bytesOf: () => most, partitionsOf: () => partitions };
        const requests = new RequestSplitter().split(records, bounds);
        const placed = requests.flatMap(({ topicMessages }) =>
          topicMessages.flatMap(({ topic, messages }) =>
            messages.map(({ key, partition }) => `${topic}/${partition}/${key}`),
          ),
        );
        for (const topic of ['a', 'b']) {
          const sent = placed.filter((place) => place.startsWith(topic));
          const given = some.flatMap((one, i) =>
            one.topic === topic ? [`${topic}/${one.partition}/k${i}`] : [],
          );
          expect(sent).toEqual(given);
        }
        for (const { topicMessages, single } of requests) {
          for (const { messages } of topicMessages) {
            for (let partition = 0; partition < partitions; partition++) {
              const mine = messages.filter((message) => message.partition === partition);
              if (mine.length < 2) continue;
              expect(single).toBe(false);
              const batch = await encodeBatch(
                {
                  firstTimestamp: 0,
                  maxTimestamp: 0,
                  lastOffsetDelta: mine.length - 1,
                  transactional: true,
                  producerId: 1,
                  producerEpoch: 0,
                  firstSequence: 0,
                  records: mine.map(({ key, value, headers }, offsetDelta) => ({
                    key: key as string,
                    value: value as string,
                    headers: headers as Record<string, string>,
                    timestampDelta: 0,
                    offsetDelta,
                  })),
                },
                crc32C,
              );
              expect(batch.length).toBeLessThanOrEqual(Math.max(most, BATCH_HEAD_BYTES));
            }
          }
        }
      },
    ),
  );
});
