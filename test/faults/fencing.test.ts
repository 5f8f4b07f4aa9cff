import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Service, startKafka } from '../world/services.js';
import { isSound, TwoRelays } from './two-relays.js';

let kafka: Service;
let two: TwoRelays;
beforeAll(async () => {
  kafka = await startKafka();
  two = await TwoRelays.start(kafka.address);
});
afterAll(async () => {
  await two?.close();
  await kafka?.stop();
});

/** A few seeds of `npm run soak -- --kafka`. */
it.each([1, 2, 3, 4])(
  'a relay that is stopped inside its commits and wakes late stores nothing twice: seed %i',
  async (seed) => {
    const outcome = await two.run(seed);
    expect(isSound(outcome), JSON.stringify(outcome)).toBe(true);
    expect(outcome.rows).toBeGreaterThan(0);
    console.log(JSON.stringify(outcome));
  },
);
