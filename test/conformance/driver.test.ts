import { describe, expect, it } from 'vitest';
import { HungFile } from '../world/faults/hung-file.js';
import { until } from '../world/run/programs.js';
import { tempFolder } from '../world/run/services.js';
import { ROM, World, w1Sensor } from '../world/world.js';
import { Bench, NEIGHBOUR, PROBE } from './driver-bench.js';
import { SUBJECTS, type Subject } from './driver-subjects.js';

/* What every driver must do, on a device that speaks its real protocol. Time itself is what several of these test. */

/** What was lost is back within this time: a port is opened again each 5 s, a silent probe is asked each 1.6 s. */
const BACK_MS = 12_000;
/** Faults are said within the longest deadline of a probe (5 s), and what a busy machine adds. */
const SAID_MS = 10_000;
/** Nothing must come for so long: four turns of a probe. */
const SILENT_MS = 800;
/** Of the five seconds that the agent's stop may take, what drivers get. */
const STOP_MS = 2500;
/** Readings come each 200 ms; a machine that does other things holds some up. */
const GAP_MAX_MS = 1500;
const YEAR_MS = 365 * 24 * 3_600_000;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A device, the driver above it, and what the tests ask of both. */
class Case {
  readonly bench: Bench;
  readonly subject: Subject;
  readonly #folder: ReturnType<typeof tempFolder>;

  static async open(name: string): Promise<Case> {
    const folder = tempFolder('driver');
    const subject = await SUBJECTS[name]!(folder.path);
    const opened = new Case(folder, subject);
    await opened.bench.start();
    await opened.show(subject.values[0]);
    return opened;
  }

  private constructor(folder: ReturnType<typeof tempFolder>, subject: Subject) {
    this.#folder = folder;
    this.subject = subject;
    this.bench = new Bench(folder.path, subject.site);
  }

  /** The device measures it, and it is heard. */
  async show(value: number): Promise<void> {
    const from = this.bench.heard.length;
    await this.subject.show(value);
    await until(`${value} to be read`, BACK_MS, () => this.readings(from).some((r) => r.value === value));
  }

  readings(from = 0, sensor = PROBE) {
    return this.bench.heard.slice(from).filter((reading) => reading.sensor === sensor);
  }

  async said(problem: RegExp, from: number): Promise<void> {
    const said = () => this.bench.problems.slice(from).filter(({ sensor }) => sensor === PROBE);
    await until(String(problem), SAID_MS, () => said().some(({ text }) => problem.test(text))).catch(
      (error: Error) => {
        throw new Error(`${error.message}; said: ${JSON.stringify(said().slice(-3))}`);
      },
    );
  }

  /** What was on its way may arrive; then nothing does. */
  async silent(): Promise<void> {
    await pause(SILENT_MS);
    const from = this.bench.heard.length;
    await pause(SILENT_MS);
    expect(this.readings(from)).toEqual([]);
  }

  async close(): Promise<void> {
    await this.bench.stop();
    await this.subject.close();
    this.#folder.remove();
  }
}

async function withCase(name: string, test: (of: Case) => Promise<void>): Promise<void> {
  const opened = await Case.open(name);
  try {
    await test(opened);
  } finally {
    await opened.close();
  }
}

const gaps = (times: readonly number[]) => times.slice(1).map((at, i) => at - times[i]!);

// Kinds side by side, what is asked of one in turn: each of them waits most of the time.
describe.concurrent.each(Object.keys(SUBJECTS))('a device on %s', (name) => {
  it.sequential('is unplugged and back: it is said, nothing is invented, and its readings go on', async () => {
    await withCase(name, async (one) => {
      const { subject, bench } = one;
      const from = bench.problems.length;
      await subject.unplug();
      if (subject.says.unplugged) await one.said(subject.says.unplugged, from);
      await one.silent();
      await subject.plug();
      await one.show(subject.values[1]);
    });
  });

  it.sequential('sends garbage: it is said, no reading comes of it, and the next good value counts', async () => {
    await withCase(name, async (one) => {
      const { subject, bench } = one;
      const [first, second] = subject.values;
      for (const spoil of subject.garbage) {
        const from = bench.problems.length;
        await spoil();
        await one.said(subject.says.garbage, from);
        await one.show(second);
        await one.show(first);
      }
      const known = new Set([first, second]);
      expect(one.readings().filter(({ value }) => !known.has(value))).toEqual([]);
    });
  });

  it.sequential('hangs: it is said, nobody else waits, and it is read again once it answers', async () => {
    await withCase(name, async (one) => {
      const { subject, bench } = one;
      if (!subject.hang) return expect(subject.neverHangs).toBeTruthy();
      const [problems, heard] = [bench.problems.length, bench.heard.length];
      await subject.hang();
      if (subject.says.hung) await one.said(subject.says.hung, problems);
      await pause(SILENT_MS);
      const beside = one.readings(heard, NEIGHBOUR).map(({ atMs }) => atMs);
      expect(beside.length).toBeGreaterThan(1);
      expect(Math.max(...gaps(beside))).toBeLessThan(GAP_MAX_MS);
      await subject.resume!();
      await one.show(subject.values[1]);
    });
  });

  it.sequential('is left in the middle of a read: the stop does not wait for it, and a new start reads it', async () => {
    await withCase(name, async (one) => {
      const { subject, bench } = one;
      await subject.hang?.();
      await pause(SILENT_MS);
      const began = performance.now();
      await bench.stop();
      expect(performance.now() - began).toBeLessThan(STOP_MS);
      const after = [bench.heard.length, bench.problems.length];
      await subject.resume?.();
      await pause(SILENT_MS);
      expect([bench.heard.length, bench.problems.length]).toEqual(after);
      await bench.start();
      await one.show(subject.values[1]);
    });
  });

  it.sequential('is read on at its cadence while the clock steps to 1970 and on into another year', async () => {
    await withCase(name, async (one) => {
      const { bench } = one;
      for (const step of [-bench.clock.wall(), 80 * YEAR_MS]) {
        const from = bench.heard.length;
        bench.clock.step(step);
        await pause(2 * GAP_MAX_MS);
        const times = one.readings(from).map(({ atMs }) => atMs);
        expect(times.length).toBeGreaterThan(3);
        expect(Math.max(...gaps(times))).toBeLessThan(GAP_MAX_MS);
        // Nor is a step made up for.
        expect(times.length).toBeLessThan((2 * GAP_MAX_MS) / 100);
      }
    });
  });
});

it('an agent whose buses hang ends within five seconds of SIGTERM', async () => {
  const world = await World.start({ name: 'hung-bus', agent: () => ({ sensors: [w1Sensor('fridge')] }) });
  try {
    await until('a reading', 20_000, async () => (await world.status()).ring.readings > 0);
    new HungFile(`${world.w1.root}/${ROM}/w1_slave`);
    await until('the silence', 20_000, async () => {
      return /no answer within 5 s/.test((await world.status()).sensors[0]!.last_problem?.text ?? '');
    });
    const began = performance.now();
    await world.agent!.stop();
    expect(performance.now() - began).toBeLessThan(5000);
  } finally {
    await world.close();
  }
});
