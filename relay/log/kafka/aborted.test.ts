import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type AbortedTransaction, type RawMessage, withoutAborted } from './aborted.js';

const COMMIT = Buffer.from([0, 0, 0, 1]);
const ABORT = Buffer.from([0, 0, 0, 0]);

interface Step {
  producer: number;
  act: 'write' | 'abort' | 'commit' | 'plain';
}

/** A partition as a broker would write it, what of it was committed, and the broker's list of what was aborted. */
function written(steps: readonly Step[]) {
  const messages: RawMessage[] = [];
  const open = new Map<number, string[]>();
  const seen = new Set<string>();
  const abortedTransactions: AbortedTransaction[] = [];
  for (const { producer, act } of steps) {
    const offset = String(messages.length);
    const mine = open.get(producer) ?? [];
    const ends = act === 'abort' || act === 'commit';
    if (ends && mine.length === 0) continue;
    messages.push({
      offset,
      key: act === 'abort' ? ABORT : act === 'commit' ? COMMIT : Buffer.from('k'),
      isControlRecord: ends,
      batchContext: { producerId: String(producer), inTransaction: act !== 'plain' },
    });
    if (act === 'plain') seen.add(offset);
    if (act === 'write') open.set(producer, [...mine, offset]);
    if (!ends) continue;
    open.delete(producer);
    if (act === 'commit') for (const one of mine) seen.add(one);
    else abortedTransactions.push({ producerId: String(producer), firstOffset: mine[0]! });
  }
  // A broker gives nothing from the first record of a transaction that is still open.
  const stable = Math.min(messages.length, ...[...open.values()].map(([first]) => Number(first)));
  return { messages: messages.slice(0, stable), seen, abortedTransactions };
}

const shown = ({ messages, abortedTransactions }: ReturnType<typeof written>) =>
  withoutAborted({ messages, abortedTransactions })
    .filter(({ isControlRecord }) => !isControlRecord)
    .map(({ offset }) => offset);

it('shows nothing of an aborted transaction that began before, and ended after, another', () => {
  const steps: Step[] = [
    { producer: 1, act: 'write' },
    { producer: 2, act: 'write' },
    { producer: 3, act: 'write' },
    { producer: 3, act: 'commit' },
    { producer: 2, act: 'abort' },
    { producer: 1, act: 'write' },
    { producer: 1, act: 'abort' },
    { producer: 1, act: 'write' },
    { producer: 1, act: 'commit' },
  ];
  expect(shown(written(steps))).toEqual(['2', '7']);
});

it('shows what was committed, and that alone, however transactions overlap', () => {
  const step = fc.record({
    producer: fc.integer({ min: 1, max: 4 }),
    act: fc.constantFrom<Step['act']>('write', 'write', 'abort', 'commit', 'plain'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const partition = written(steps);
      const committed = partition.messages.filter(({ offset }) => partition.seen.has(offset));
      expect(shown(partition)).toEqual(committed.map(({ offset }) => offset));
    }),
  );
});

it('shows all where nothing was aborted', () => {
  const partition = written([
    { producer: 1, act: 'write' },
    { producer: 1, act: 'commit' },
  ]);
  expect(shown({ ...partition, abortedTransactions: [] })).toEqual(['0']);
  expect(withoutAborted({ messages: partition.messages, abortedTransactions: null })).toHaveLength(2);
});
