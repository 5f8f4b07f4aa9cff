import { expect, it } from 'vitest';
import { Streams } from '../../relay/streams/embedded/streams.js';
import { clocks, hours, type Input, PLAN, SETTINGS } from '../world/hours.js';
import { FORETOLD, foretell, plain } from '../world/oracle.js';

/** Enough for each thing of an hour to meet each other. */
const SEEDS = 60;

/** The last record of each key that was not taken back, of what can be foretold. */
function standing(records: readonly { topic: string; key: string; value: string }[]): string[] {
  const rows = new Map<string, string>();
  for (const { topic, key, value } of records) {
    const name = `${topic} ${key}`;
    if (value === '') rows.delete(name);
    else rows.set(name, plain(topic, JSON.parse(value)));
  }
  return [...rows.values()].filter(isForetold).sort();
}

const kindOf = (row: string) => /\["kind","(\w+)"\]/.exec(row)?.[1];

function isForetold(row: string): boolean {
  const kind = kindOf(row);
  return kind === undefined || FORETOLD.includes(kind);
}

function computed(inputs: readonly Input[]): string[] {
  const records: { topic: string; key: string; value: string }[] = [];
  const streams = new Streams(SETTINGS, (record) => {
    if (!record.key.includes('"clock"')) records.push(record);
  });
  for (const one of inputs) streams.take({ ...one, partition: 0 });
  return standing(records);
}

const difference = (a: readonly string[], b: readonly string[]) => {
  const has = new Set(b);
  return a.filter((row) => !has.has(row));
};

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
