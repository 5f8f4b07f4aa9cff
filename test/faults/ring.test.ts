import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addRange, contains, type RangeSet } from '../../core/contract/ranges.js';
import { generator } from '../../core/random.js';
import { FaultyDisk } from '../world/faults/disk.js';
import { HostedRing } from '../world/ring/hosted-ring.js';
import { tempFolder } from '../world/run/services.js';

/*
 * The ring against an ideal one, with crashes: what it has called durable is there afterwards, under the same
 * number and with the same value; what has made room is held by the relay or named in a gap and in a summary;
 * what was never durable may be gone, and only from the end.
 */
const CAPACITY = 60;
const RUNS = 12;

let folder: ReturnType<typeof tempFolder>;
let disk: FaultyDisk;
beforeEach(() => {
  folder = tempFolder('ring');
  disk = new FaultyDisk(folder.path);
});
afterEach(() => folder.remove());

/** What a perfect ring would know. */
class Ideal {
  /** Values by seq − 1: all that were numbered, of which the last may be lost in a crash. */
  readonly values: number[] = [];
  readonly events: string[] = [];
  durable = 0;
  durableEvents = 0;
  held: RangeSet = [];
  epoch: string | undefined;
  next = 1;

  /** After a crash the real one says where it stands: never behind what it had called durable. */
  check(dump: NonNullable<Awaited<ReturnType<HostedRing['dump']>>>): void {
    this.epoch ??= dump.epoch;
    expect(dump.epoch).toBe(this.epoch);
    expect(dump.head).toBeGreaterThanOrEqual(this.durable);
    expect(dump.head).toBeLessThanOrEqual(this.values.length);
    this.values.length = dump.head;
    this.durable = dump.head;
    expect(dump.values).toEqual(this.values.slice(dump.tail - 1));
    const details = dump.events.flatMap((event) => (event.type === 'audit' ? [event.audit.detail] : []));
    expect(details.length).toBeGreaterThanOrEqual(this.durableEvents);
    expect(details).toEqual(this.events.slice(0, details.length));
    this.events.length = details.length;
    this.durableEvents = details.length;
    const gaps = dump.events.flatMap((event) => (event.type === 'gap' ? [event.gap] : []));
    const thinned = gaps.filter(({ reason }) => reason === 'thinned');
    const named = thinned.reduce((set, { from, to }) => addRange(set, [from!, to!]), [] as RangeSet);
    for (let seq = 1; seq < dump.tail; seq++) {
      expect(contains(named, seq) || contains(this.held, seq), `row ${seq} made room and is not named`).toBe(
        true,
      );
    }
    const summed = dump.summaries.reduce((sum, { count }) => sum + count, 0);
    const counted = thinned.reduce((sum, { from, to }) => sum + to! - from! + 1, 0);
    // Summaries beyond their own room go too, oldest first, named.
    if (gaps.every(({ stream }) => stream !== 'summaries')) expect(summed).toBe(counted);
    else expect(summed).toBeLessThan(counted);
  }
}

interface Real {
  ring: HostedRing;
  random: () => number;
}
type Step = fc.AsyncCommand<Ideal, Real>;

const open = () => HostedRing.open(`${disk.folder}/ring.db`, CAPACITY, disk.env());

async function reopened(ideal: Ideal, real: Real): Promise<void> {
  real.ring = await open();
  const dump = await real.ring.dump();
  expect(dump, real.ring.said).toBeDefined();
  ideal.check(dump!);
}

const step = (name: string, run: (ideal: Ideal, real: Real) => Promise<void>): Step => ({
  check: () => true,
  run,
  toString: () => name,
});

const steps = [
  fc.integer({ min: 1, max: 45 }).map((n) =>
    step(`append ${n}`, async (ideal, { ring }) => {
      const values = Array.from({ length: n }, () => ideal.next++);
      ideal.values.push(...values);
      expect(await ring.append(values)).toBe(ideal.values.length);
    }),
  ),
  fc.constant(
    step('event', async (ideal, { ring }) => {
      ideal.events.push(`e${ideal.next++}`);
      await ring.event(ideal.events.at(-1)!);
    }),
  ),
  fc.constant(
    step('durable', async (ideal, { ring }) => {
      ideal.durable = (await ring.durable())!;
      ideal.durableEvents = ideal.events.length;
      expect(ideal.durable).toBe(ideal.values.length);
    }),
  ),
  fc.tuple(fc.nat(30), fc.nat(30)).map(([back, length]) =>
    step(`the relay holds ${length} from ${back} back`, async (ideal, { ring }) => {
      const from = Math.max(1, ideal.durable - back);
      if (ideal.durable === 0) return;
      ideal.held = addRange(ideal.held, [from, Math.min(ideal.durable, from + length)]);
      await ring.held(ideal.held);
    }),
  ),
  fc.constant(
    step('kill', async (ideal, real) => {
      await real.ring.kill();
      await reopened(ideal, real);
    }),
  ),
  fc.constant(
    step('power cut', async (ideal, real) => {
      await real.ring.kill();
      disk.cutPower(real.random);
      await reopened(ideal, real);
    }),
  ),
  fc.constant(
    step('restart', async (ideal, real) => {
      await real.ring.close();
      ideal.durable = ideal.values.length;
      await reopened(ideal, real);
    }),
  ),
];

describe('the ring and its ideal', () => {
  it('agree through kills, power cuts and restarts', async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands(steps, { maxCommands: 30 }), fc.integer(), async (commands, seed) => {
        folder.remove();
        folder = tempFolder('ring');
        disk = new FaultyDisk(folder.path);
        const real: Real = { ring: await open(), random: generator(seed) };
        try {
          await fc.asyncModelRun(() => ({ model: new Ideal(), real }), commands);
        } finally {
          await real.ring.kill();
        }
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  });

  it('agree when the power is cut at any sync of filling, wrapping, holding and thinning', async () => {
    let crashes = 0;
    for (let at = 1; ; at++) {
      folder.remove();
      folder = tempFolder('ring');
      disk = new FaultyDisk(folder.path);
      const ideal = new Ideal();
      const ring = await HostedRing.open(`${disk.folder}/ring.db`, CAPACITY, disk.env(at));
      const finished = await workload(ideal, ring);
      await ring.kill();
      disk.cutPower(generator(at));
      const real = { ring, random: generator(at) };
      await reopened(ideal, real).finally(() => real.ring.kill());
      if (finished) break;
      crashes += 1;
    }
    expect(crashes).toBeGreaterThan(15);
  });
});

/** True when it was carried to its end. */
async function workload(ideal: Ideal, ring: HostedRing): Promise<boolean> {
  for (let round = 0; round < 12; round++) {
    const values = Array.from({ length: 20 }, () => ideal.next++);
    ideal.values.push(...values);
    await ring.append(values);
    ideal.events.push(`e${round}`);
    await ring.event(`e${round}`);
    const durable = await ring.durable();
    if (durable === undefined) return false;
    ideal.durable = durable;
    ideal.durableEvents = ideal.events.length;
    if (round % 4 === 1) {
      ideal.held = addRange(ideal.held, [durable - 5, durable]);
      await ring.held(ideal.held);
    }
  }
  return true;
}
