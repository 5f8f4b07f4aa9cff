import { expect, it } from 'vitest';
import { clocks, hours, type Input, PLAN, SETTINGS } from '../world/data/hours.js';
import { difference, FORETOLD, foretell, kindOf, standing } from '../world/data/oracle.js';
import { ownStreams } from '../world/run/own-streams.js';

/** Enough for each thing of an hour to meet each other. */
const SEEDS = 60;

const computed = (inputs: readonly Input[]) => standing(ownStreams(inputs));

it(`the relay’s own streams give what SQL over all of it gives, of ${SEEDS} hours`, () => {
  const kinds = new Set<string>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const inputs = hours(seed, 1);
    const foretold = foretell(inputs, SETTINGS);
    const own = computed([...inputs, ...clocks()]);
    expect({ seed, lacks: difference(foretold, own), adds: difference(own, foretold) }).toEqual({
      seed,
      lacks: [],
      adds: [],
    });
    expect(foretold.length).toBeGreaterThan(500);
    for (const row of foretold) kinds.add(kindOf(row) ?? 'aggregate');
  }
  expect([...kinds].sort()).toEqual(['aggregate', ...FORETOLD].sort());
}, 600_000);

it('a day on end as well', () => {
  const inputs = hours(4711, 24);
  const foretold = foretell(inputs, SETTINGS);
  const own = computed([...inputs, ...clocks(PLAN.startMs + 24 * 3_600_000)]);
  expect({ lacks: difference(foretold, own), adds: difference(own, foretold) }).toEqual({
    lacks: [],
    adds: [],
  });
}, 600_000);
