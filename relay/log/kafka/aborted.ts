export interface AbortedTransaction {
  producerId: string;
  /** Of its first record in this partition. */
  firstOffset: string;
}

export interface RawMessage {
  offset: string;
  key: Buffer | null;
  isControlRecord: boolean;
  batchContext: { producerId: string; inTransaction: boolean };
}

/** A control record's key: version and type, two int16 each (https://kafka.apache.org/documentation/#controlbatch). */
const ABORT_MARKER = Buffer.from([0, 0, 0, 0]);

/**
 * What a read_committed reader may see of a fetched range, marks of transactions included. Kafka lists aborted
 * transactions in the order of their ends, and several may begin before the same record; kafkajs takes them for sorted by
 * their beginnings, one a record, and so shows records of transactions that overlap and were aborted: those of several
 * lanes after an outage.
 */
export function withoutAborted<M extends RawMessage>({
  messages,
  abortedTransactions,
}: {
  /** In the order of their offsets. */
  messages: readonly M[];
  abortedTransactions?: readonly AbortedTransaction[] | null;
}): M[] {
  if (!abortedTransactions || abortedTransactions.length === 0) return [...messages];
  const begins = abortedTransactions
    .map(({ producerId, firstOffset }) => ({ producerId, at: BigInt(firstOffset) }))
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  const aborted = new Set<string>();
  let next = 0;
  return messages.filter((message) => {
    const { producerId, inTransaction } = message.batchContext;
    for (; next < begins.length && begins[next]!.at <= BigInt(message.offset); next++) {
      aborted.add(begins[next]!.producerId);
    }
    if (message.isControlRecord) {
      if (message.key?.equals(ABORT_MARKER)) aborted.delete(producerId);
      return true;
    }
    return !(inTransaction && aborted.has(producerId));
  });
}
