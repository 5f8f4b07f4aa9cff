import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../core/clock/simulated.js';
import { HOUR } from '../../core/durations.js';
import { generator } from '../../core/random.js';
import { CALM_TRY_MS, reach, type TryLimits, URGENT_TRY_MS } from './reach.js';

type Link = 'refused' | 'silent' | 'up';

/** A link that gives answers, resets, or nothing at all until a try has used up its time. */
function world(urgent = false) {
  const clock = new SimulatedClock();
  const state = { link: 'refused' as Link, urgent, tries: 0, open: 0, most: 0, poke: new AbortController() };
  const stop = new AbortController();
  const attempt = ({ connectMs, answerMs }: TryLimits): Promise<number> => {
    state.tries += 1;
    if (state.link === 'up') return Promise.resolve(clock.mono());
    if (state.link === 'refused') return Promise.reject(new Error('refused'));
    state.most = Math.max(state.most, ++state.open);
    return new Promise((_, reject) => {
      clock.after(connectMs ?? answerMs ?? 30_000, () => {
        state.open -= 1;
        reject(new Error('nothing'));
      });
    });
  };
  const found = reach({
    clock,
    random: generator(1),
    attempt,
    urgent: () => state.urgent,
    paceMaxMs: 300_000,
    onProblem: () => {},
    poke: () => {
      state.poke = new AbortController();
      return state.poke.signal;
    },
    stop: stop.signal,
  });
  return { clock, state, stop, found };
}

describe('a link that is gone', () => {
  it.each(['refused', 'silent'] as const)(
    'and %s for three hours is seen again within seconds of its return',
    async (link) => {
      for (const [urgent, bound] of [
        [true, URGENT_TRY_MS],
        [false, CALM_TRY_MS],
      ] as const) {
        const { clock, state, found } = world(urgent);
        state.link = link;
        await clock.advance(3 * HOUR);
        state.link = 'up';
        const returned = clock.mono();
        await clock.advance(15_000);
        expect((await found)! - returned).toBeLessThanOrEqual(bound);
      }
    },
  );

  it('costs some hundred tries an hour, and few at once', async () => {
    const { clock, state, stop } = world();
    state.link = 'silent';
    await clock.advance(HOUR);
    expect(state.tries).toBeGreaterThan(300);
    expect(state.tries).toBeLessThan(750);
    expect(state.most).toBeLessThan(8);
    stop.abort();
  });

  it('is tried at once when something comes up that cannot wait', async () => {
    const { clock, state, stop } = world();
    await clock.advance(HOUR);
    state.urgent = true;
    state.poke.abort();
    const before = state.tries;
    await clock.advance(URGENT_TRY_MS);
    expect(state.tries).toBeGreaterThan(before);
    stop.abort();
  });

  it('ends when it is told to', async () => {
    const { clock, stop, found } = world();
    await clock.advance(HOUR);
    stop.abort();
    expect(await found).toBeUndefined();
  });
});
