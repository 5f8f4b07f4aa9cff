import { ColdwatchError } from '../../core/errors.js';

/** Rings that one gateway may have had: each takes memory for good. */
export const EPOCHS_MAX = 100;
/** A ring that a relay has heard of within this time may have more to send. */
export const EPOCH_RECENT_MS = 3_600_000;
/** Closed rings whose names are kept, so that what they sent is not taken twice; beyond these the oldest is lost. */
const CLOSED_MAX = 1000;

/**
 * A gateway with a new ring and EPOCHS_MAX known ones: which of those is closed. The progress of a closed ring is
 * forgotten and its name is not: should it come back after all (an old card, put in again), its rows are refused, and
 * the agent names them, where taking them could mean taking them twice. Never one that was heard of lately.
 */
export function epochToClose(changedMs: ReadonlyMap<string, number>, now: number): string | undefined {
  if (changedMs.size < EPOCHS_MAX) return undefined;
  const [oldest, atMs] = [...changedMs].reduce((a, b) => (b[1] < a[1] ? b : a));
  if (now - atMs >= EPOCH_RECENT_MS) return oldest;
  throw new ColdwatchError(
    'log.unavailable',
    `this gateway has had ${EPOCHS_MAX} rings within an hour: the next is taken later`,
    { retry: true },
  );
}

export function refuseClosed(closed: readonly string[], epoch: string): void {
  if (!closed.includes(epoch)) return;
  throw new ColdwatchError(
    'wire.invalid',
    `the ring ${epoch} was closed when this gateway had ${EPOCHS_MAX} newer ones: what it holds may be there already`,
  );
}

/** With one more; the oldest falls out at CLOSED_MAX. */
export const withClosed = (closed: readonly string[], epoch: string): string[] =>
  [...closed, epoch].slice(-CLOSED_MAX);
