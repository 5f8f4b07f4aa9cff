import { type Clock, every } from '../../../core/clock/clock.js';

/** Fast enough for a button, slow enough to cost nothing. */
const POLL_MS = 50;

/**
 * Contacts bounce and cables pick up mains hum: a level counts once two looks in a row agree. A line that cannot be read
 * any more has no level: `read` then throws what the last look did.
 */
export function pollLevel(clock: Clock, look: () => boolean, onChange: (active: boolean) => void) {
  let settled = look();
  let last = settled;
  let failure: unknown;
  const timer = every(clock, POLL_MS, () => {
    let now: boolean;
    try {
      now = look();
      failure = undefined;
    } catch (error) {
      failure = error;
      return;
    }
    if (now === last && now !== settled) {
      settled = now;
      onChange(now);
    }
    last = now;
  });
  const read = () => {
    if (failure !== undefined) throw failure;
    return settled;
  };
  return { read, stop: () => timer.cancel() };
}
