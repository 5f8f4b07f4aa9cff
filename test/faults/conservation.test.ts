import { expect, it } from 'vitest';
import { isClean, runSeed } from './conservation.js';

/** A few seeds of the long run (npm run soak); a failing one is repeated by `npm run soak -- --seed N --minutes 0`. */
it.each([1, 2, 3])('every input is in the log once, or named in a gap: seed %i', async (seed) => {
  const outcome = await runSeed(seed, { rate: 1200, seconds: 12 });
  expect(isClean(outcome), JSON.stringify(outcome)).toBe(true);
  expect(Object.values(outcome.faults).reduce((a, b) => a + b, 0)).toBeGreaterThan(2);
});
