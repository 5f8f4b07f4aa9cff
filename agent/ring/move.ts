import { readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { publish, removeDatabase } from './aside.js';
import { withCursor } from './salvage.js';
import { LAST_KNOWN, RingStore, stateCommit } from './store.js';
import { isDamage } from './tables.js';

/*
 * A ring that began in memory, because the card could not be used, moves to the card once that is back: what it holds
 * becomes a file of its own that is forwarded beside the card's ring, as after damage (salvage.ts). Its name says how
 * far that is: `.part` while it is copied, `.moving` when it is whole and the card's ring must take over what is
 * firing, then `.db`. A start finishes what was begun.
 */
const MOVING = /^(salvage-([0-9a-f]{16}))\.moving$/;
/** The state that names the last ring whose alarm was taken over. */
const MOVED = 'moved';

/** Throws what the card's failure is; returns when a commit on it succeeds. */
export function probeCard(file: string): void {
  try {
    commitOnce(file);
  } catch (error) {
    if (!isDamage(error)) throw error;
    // The next start puts a damaged ring aside: what matters is whether the card takes a new one.
    const other = `${file}.probe`;
    removeDatabase(other);
    commitOnce(other);
    removeDatabase(other);
  }
}

function commitOnce(file: string): void {
  const store = new RingStore(file);
  try {
    store.commit(stateCommit([['probed', 'true']]));
  } finally {
    store.close();
  }
}

/** Copies the rows beside the card's ring, and hands that ring what is firing, what is to be texted, and receipts. */
export function moveToCard(memory: RingStore, file: string): void {
  const { epoch } = memory.open();
  const name = join(dirname(file), `salvage-${epoch}`);
  rmSync(`${name}.part`, { force: true });
  memory.copyTo(`${name}.part`);
  publish(`${name}.part`, `${name}.moving`);
  try {
    const card = new RingStore(file);
    finishMoves(file, card).close();
  } catch (error) {
    // A damaged ring is put aside by the next start, which finishes this.
    if (!isDamage(error)) throw error;
  }
}

/** Gives the card's ring what rings that were in memory have for it. Again does nothing. */
export function finishMoves(file: string, card: RingStore): RingStore {
  const folder = dirname(file);
  for (const found of readdirSync(folder)) {
    const [, name, epoch] = MOVING.exec(found) ?? [];
    if (name === undefined || epoch === undefined) continue;
    takeOver(join(folder, found), epoch, card);
    renameSync(join(folder, found), join(folder, `${name}.db`));
  }
  return card;
}

function takeOver(moving: string, epoch: string, card: RingStore): void {
  const own = new Map(card.open().state);
  if (own.get(MOVED) === JSON.stringify(epoch)) return;
  const memory = new RingStore(moving);
  try {
    const { state, receipts, last, lastTimeline: timeline } = memory.open();
    const { head } = card.spanOf('readings');
    const carried = state.flatMap(([key, json]): [string, string][] => {
      if (key === 'alarm') return [[key, withCursor(json, () => head)]];
      return key === 'outbox' ? [[key, json]] : [];
    });
    if (last) carried.push([LAST_KNOWN, JSON.stringify({ timeline, ...last })]);
    card.commit(stateCommit([...carried, [MOVED, JSON.stringify(epoch)]], Float64Array.from(receipts)));
  } catch (error) {
    // Its rows are salvaged when they are forwarded; what was firing is judged anew.
    if (!isDamage(error)) throw error;
  } finally {
    memory.close();
  }
}
