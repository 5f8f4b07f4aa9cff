import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Service, startKafka } from '../world/run/services.js';
import { isSound, MANY, ONE, TwoRelays } from './two-relays.js';

/** A few seeds of `npm run soak -- --kafka`. */
describe.each([
  ['one gateway, lane and partition', ONE, [1, 2]],
  ['several', MANY, [3, 4]],
])('a relay that is stopped inside its commits and wakes late, %s', (_name, shape, seeds) => {
  let kafka: Service;
  let two: TwoRelays;
  beforeAll(async () => {
    kafka = await startKafka();
    two = await TwoRelays.start(kafka.address, shape);
  });
  afterAll(async () => {
    await two?.close();
    await kafka?.stop();
  });

  it.each(seeds)('stores nothing twice and loses nothing: seed %i', async (seed) => {
    const outcome = await two.run(seed);
    expect(isSound(outcome), JSON.stringify(outcome)).toBe(true);
    expect(outcome.rows).toBeGreaterThan(0);
  });
});
