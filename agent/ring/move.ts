import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { RingStore, stateCommit } from './store.js';

/*
 * A ring that began in memory, because the card could not be used, moves to the card once that is back: what it holds
 * becomes a file of its own that is forwarded beside the card's ring, as after damage (salvage.ts).
 */

/** Throws what the card's failure is; returns when a commit on it succeeds. */
export function probeCard(file: string): void {
  const store = new RingStore(file);
  try {
    store.commit(stateCommit([['probed', 'true']]));
  } finally {
    store.close();
  }
}

/** Copies the rows beside the card's ring, and hands that ring what is firing, what is to be texted, and receipts. */
export function moveToCard(memory: RingStore, file: string): void {
  const { epoch, state, receipts } = memory.open();
  const target = join(dirname(file), `salvage-${epoch}.db`);
  rmSync(target, { force: true });
  memory.copyTo(target);
  const card = new RingStore(file);
  try {
    const { head } = card.spanOf('readings');
    const carried = state.flatMap(([key, json]): [string, string][] => {
      if (key === 'alarm') return [[key, JSON.stringify({ ...JSON.parse(json), throughSeq: head })]];
      return key === 'outbox' ? [[key, json]] : [];
    });
    card.commit(stateCommit(carried, Float64Array.from(receipts)));
  } finally {
    card.close();
  }
}
