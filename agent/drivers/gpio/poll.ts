import { type Clock, every } from '../../../core/clock/clock.js';

/** Fast enough for a button, slow enough to cost nothing. */
const POLL_MS = 50;

/** Contacts bounce and cables pick up mains hum: a level counts once two looks in a row agree. */
export function pollLevel(clock: Clock, read: () => boolean, onChange: (active: boolean) => void) {
  let settled = read();
  let last = settled;
  const timer = every(clock, POLL_MS, () => {
    const now = read();
    if (now === last && now !== settled) {
      settled = now;
      onChange(now);
    }
    last = now;
  });
  return { read: () => settled, stop: () => timer.cancel() };
}
