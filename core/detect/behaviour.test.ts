import { describe, expect, it } from 'vitest';
import { MINUTE } from '../durations.js';
import { type BehaviourRule, behaviourRuleSchema } from './behaviour.js';
import type { Change } from './change.js';
import { Behaviours, type Latch } from './latches.js';
import { PROFILE_START, Track } from './track.js';

const rule = (more: object): BehaviourRule =>
  behaviourRuleSchema.parse({ kind: 'behaviour', name: 'r', ...more });

/** A day and more of cycles between 4 and 6 °C, an hour each, with a little noise; then what is asked. */
function cycling(days: number, then: (minute: number, from: number) => number | null, minutes = 600) {
  const values: (number | null)[] = [];
  for (let m = 0; m < days * 1440; m++) {
    const phase = m % 60;
    const wave = phase < 40 ? 4000 + phase * 50 : 6000 - (phase - 40) * 100;
    values.push(wave + ((m * 7919) % 13) * 5);
  }
  const from = values.at(-1)!;
  for (let m = 1; m <= minutes; m++) values.push(then(m, from));
  return values;
}

function run(rules: BehaviourRule[], values: readonly (number | null)[], days: number) {
  const latches: Record<string, Latch> = {};
  const behaviours = new Behaviours(rules, latches, undefined);
  const seen: (Change & { minute: number })[] = [];
  values.forEach((milli, m) => {
    if (milli === null) return;
    for (const change of behaviours.push(m * MINUTE, milli, false))
      seen.push({ ...change, minute: m - days * 1440 + 1 });
  });
  return { seen, behaviours, latches };
}

describe('behaviour rules', () => {
  const heading = rule({ name: 'heading', what: 'heading', margin: 0.3 });
  const warm = rule({ name: 'warm', what: 'excursion', dwell: '15m', patience: '75m' });

  it('are silent over ordinary cycles', () => {
    const all = (['excursion', 'heading', 'level', 'drift', 'frozen', 'erratic'] as const).map((what) =>
      rule({ name: what, what }),
    );
    expect(
      run(
        all,
        cycling(6, (m) => (m % 60 < 40 ? 4000 + (m % 60) * 50 : 6000 - ((m % 60) - 40) * 100)),
        6,
      ).seen,
    ).toEqual([]);
  });

  it('warn before the limit when it warms longer than any cycle, and say when', () => {
    const { seen } = run(
      [heading, warm],
      cycling(3, (m, from) => from + m * 25),
      3,
    );
    expect(seen[0]).toMatchObject({ kind: 'raised', rule: { name: 'heading' } });
    expect(seen[0]!.milli).toBeLessThan(8000);
    const { earliest, latest, going } = seen[0]!.facts;
    expect(Number(going)).toBeGreaterThan(20);
    expect(Number(earliest)).toBeGreaterThan(10);
    expect(Number(latest)).toBeGreaterThan(Number(earliest));
    const excursion = seen.find((s) => s.rule.name === 'warm')!;
    expect(excursion.kind).toBe('raised');
    expect(excursion.facts.stays).toBe(1);
  });

  it('give what comes back by itself more time than what does not', () => {
    const back = run(
      [warm],
      cycling(3, (m) => (m < 5 ? 7000 + m * 1000 : Math.max(5000, 12_000 - (m - 5) * 80))),
      3,
    );
    expect(back.seen).toEqual([]);
    const stays = run(
      [warm],
      cycling(3, (m) => 9000 + ((m * 31) % 5) * 10),
      3,
    );
    expect(stays.seen[0]!.minute).toBeLessThanOrEqual(30);
  });

  it('find a probe that is frozen, and one that jumps', () => {
    const frozen = run(
      [rule({ name: 'f', what: 'frozen' })],
      cycling(3, (_m, from) => from, 90),
      3,
    );
    expect(frozen.seen[0]!.minute).toBeGreaterThanOrEqual(25);
    expect(frozen.seen[0]!.minute).toBeLessThanOrEqual(50);
    const wild = run(
      [rule({ name: 'e', what: 'erratic' })],
      cycling(3, (m) => 5000 + (m % 2) * 6000, 90),
      3,
    );
    expect(wild.seen[0]).toMatchObject({ kind: 'raised' });
  });

  it('learn only while all is well, in bounded state that survives a restart', () => {
    const { behaviours } = run(
      [warm],
      cycling(30, (m) => 12_000 + m, 3000),
      30,
    );
    const { profile } = behaviours.track;
    expect(profile.hours.length).toBeLessThanOrEqual(168);
    expect(Math.max(...profile.hours.map((h) => h.max))).toBeLessThan(12_500);
    expect(JSON.stringify(profile).length).toBeLessThan(20_000);
    expect(new Track(JSON.parse(JSON.stringify(profile))).usual).toEqual(behaviours.track.usual);
    expect(new Track(PROFILE_START).usual).toBeUndefined();
  });
});

it('a rule may be called what every object has', () => {
  const named = rule({ name: 'constructor', what: 'frozen' });
  const latches: Record<string, Latch> = {};
  new Behaviours([named], latches, undefined).push(0, 4000, false);
  expect(Object.keys(latches)).toEqual(['constructor']);
});
