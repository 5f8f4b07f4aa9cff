import { dirname, join } from 'node:path';
import type { RingEvent } from '../../core/contract/messages.js';
import { markDamaged, publish, removeDatabase } from './aside.js';
import { type Commit, RingStore, stateCommit } from './store.js';

/*
 * Numbers that are to be given to rows, and that others in the file have: a program that knows of no lock has written
 * beside this one. What is in the file keeps its epoch and numbers, since whoever wrote it may have sent it: the next
 * start puts it aside and salvages it. What was to be written goes under an epoch of its own into a file that is
 * forwarded, and with it what is firing, as from a ring in memory (move.ts).
 */
const CLASH = 'SQLITE_CONSTRAINT_PRIMARYKEY';
/** What the next ring takes over from such a file. */
const TAKEN_OVER = new Set(['alarm', 'outbox']);

export const isClash = (error: unknown): boolean => (error as { code?: string }).code === CLASH;

export function keepBeside(store: RingStore, commit: Commit, file: string, why: string): void {
  const { epoch, channels, segments } = store.open();
  // First, so that a card that refuses leaves all as it is, to be tried again.
  markDamaged(file, { why });
  const part = `${file}.beside.part`;
  removeDatabase(part);
  const beside = new RingStore(part);
  let own: string;
  try {
    own = beside.open().epoch;
    const state = commit.state.filter(([key]) => TAKEN_OVER.has(key));
    beside.commit({
      ...stateCommit(state, commit.receipts),
      channels: [...channels, ...commit.channels],
      segments: [...segments, ...commit.segments],
      readings: commit.readings,
      events: commit.events.map(({ seq, event }) => ({ seq, event: naming(event, epoch) })),
    });
  } finally {
    beside.close();
  }
  publish(part, join(dirname(file), `salvage-${own}.moving`));
}

/** A gap names rows of the ring that it was made for. */
const naming = (event: RingEvent, epoch: string): RingEvent =>
  event.type === 'gap' ? { ...event, gap: { epoch, ...event.gap } } : event;
