import { type Clock, every, type Timer } from '../../core/clock/clock.js';
import type { Ring } from '../ring/port.js';

const TICK_MS = 10_000;
/** Shorter pauses are no gap: a restart, a slow start of the machine. */
const SILENT_MS = 120_000;

/** State: the program ended in order, and all that it had measured was on the card. */
export const STOPPED = 'stopped';

/**
 * Names the time in which this gateway measured nothing, or of which nothing is kept: from the last stored reading to
 * this start (a program that was killed may have measured until then, and rows may have waited in memory for a card
 * that took none), and whenever the whole program stood still (a machine that slept, or was starved). A sensor that is silent is the alarm's matter.
 */
export function watchSilence(
  ring: Pick<Ring, 'appendEvent' | 'loadState' | 'saveState'> & { before: Before },
  boot: string,
  clock: Clock,
): Timer {
  const startedMono = clock.mono();
  let beforeStart = ring.before;
  let last = clock.mono();
  const inOrder = ring.loadState(STOPPED) === true;
  ring.saveState(STOPPED, null);
  const name = (reason: 'power-off' | 'not-sampled' | 'not-kept', since: number, until: number) => {
    if (until - since < SILENT_MS) return;
    const gap = { reason, since: new Date(since).toISOString(), until: new Date(until).toISOString() };
    ring.appendEvent({ type: 'gap', gap });
  };
  const look = () => {
    const now = clock.mono();
    const wall = clock.wall();
    // Until the clock is set, nobody knows how long the gateway was off.
    if (beforeStart && clock.synchronised()) {
      const running = inOrder ? 'not-sampled' : 'not-kept';
      const reason = beforeStart.boot === boot ? running : 'power-off';
      name(reason, beforeStart.measuredAt, wall - (now - startedMono));
      beforeStart = null;
    }
    name('not-sampled', wall - (now - last), wall);
    last = now;
  };
  look();
  return every(clock, TICK_MS, look);
}

type Before = { measuredAt: number; boot: string } | null;
