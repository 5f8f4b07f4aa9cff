import { setTimeout as sleep } from 'node:timers/promises';
import { HOUR } from '../../core/durations.js';
import { clocks, hours, type Input, PLAN, SETTINGS } from '../world/data/hours.js';
import { difference, foretell, standing } from '../world/data/oracle.js';
import { FlinkJob } from '../world/run/flink-job.js';
import { ownStreams, withoutClocks } from '../world/run/own-streams.js';
import { until } from '../world/run/programs.js';

const HOURS = 24;
/** Rows of a difference that are printed. */
const SHOWN = 20;
/** Flink's start, and a day of records through it on a busy machine. */
const FLINK_MS = 900_000;
/** Looking takes its time, too. */
const LOOK_MS = 2000;
/** Records that go to Kafka together. */
const AT_ONCE = 200;

/** Rows that one engine lacks or has beyond what SQL over all inputs foretells. */
export interface Difference {
  lacks: number;
  adds: number;
  /** Some of them. */
  rows: string[];
}

export interface HoursOutcome {
  seed: number;
  hours: number;
  inputs: number;
  foretold: number;
  own: Difference;
  flink?: Difference;
}

export const isAsForetold = ({ own, flink }: HoursOutcome) =>
  [own, ...(flink ? [flink] : [])].every(({ lacks, adds }) => lacks + adds === 0);

/** A day of generated hours through the relay's own streams, and through Flink, which is killed in the middle. */
export async function runHours(seed: number, withFlink: boolean): Promise<HoursOutcome> {
  const inputs = hours(seed, HOURS);
  const foretold = foretell(inputs, SETTINGS);
  const passed = clocks(PLAN.startMs + HOURS * HOUR);
  const own = against(foretold, standing(ownStreams([...inputs, ...passed])));
  const outcome = { seed, hours: HOURS, inputs: inputs.length, foretold: foretold.length, own };
  if (!withFlink) return outcome;
  return { ...outcome, flink: against(foretold, await ofFlink(inputs, passed, foretold)) };
}

function against(foretold: readonly string[], rows: readonly string[]): Difference {
  const lacks = difference(foretold, rows);
  const adds = difference(rows, foretold);
  const shown = [...lacks.map((row) => `lacks ${row}`), ...adds.map((row) => `adds ${row}`)];
  return { lacks: lacks.length, adds: adds.length, rows: shown.slice(0, SHOWN) };
}

const seldom = (look: () => boolean) => async () => {
  await sleep(LOOK_MS);
  return look();
};

async function ofFlink(inputs: readonly Input[], passed: readonly Input[], foretold: readonly string[]) {
  const job = await FlinkJob.open();
  try {
    const half = Math.floor(inputs.length / 2);
    await job.send(inputs.slice(0, half), AT_ONCE);
    job.start();
    await until(
      'rows of the first half',
      FLINK_MS,
      seldom(() => job.output().length > foretold.length / 8),
    );
    await job.checkpoint();
    await job.kill();
    await job.send([...inputs.slice(half), ...passed], AT_ONCE);
    job.start();
    const rows = () => standing(withoutClocks(job.output()));
    const same = () => {
      const { lacks, adds } = against(foretold, rows());
      return lacks + adds === 0;
    };
    // What differs to the end is the outcome.
    await until('what is foretold', FLINK_MS, seldom(same)).catch(() => {});
    return rows();
  } finally {
    await job.close();
  }
}
