import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startKafka } from '../world/run/services.js';
import { isClean, type Outcome, runSeed } from './conservation.js';
import { fuzzDecoders } from './fuzz.js';
import { type HoursOutcome, isAsForetold, runHours } from './generated-hours.js';
import { isSound, MANY, ONE, type StopOutcome, TwoRelays } from './two-relays.js';

/*
 * Seeded fault runs, one after another: --minutes N (at least one run), or --runs N. --parallel P of them at a time,
 * each with --seconds S of faults. --out FILE keeps the sums for the bench. --fuzz N first gives N
 * inputs to the decoders. --kafka runs two relays on a Kafka instead (two-relays.ts), one Kafka for all seeds of a
 * worker; every other worker has one gateway with one sensor, one lane and one partition. --hours gives a generated day
 * of clinics to the relay's own streams instead (generated-hours.ts), in accelerated time, and says in which rows they
 * differ from SQL over all of it; --hours --flink also to the Flink job, on a Kafka of its own, killed in the middle.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    runs: { type: 'string' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '12' },
    parallel: { type: 'string', default: '1' },
    out: { type: 'string' },
    fuzz: { type: 'string', default: '0' },
    kafka: { type: 'boolean', default: false },
    hours: { type: 'boolean', default: false },
    flink: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const firstSeed = Number(values.seed);
const end = performance.now() + Number(values.minutes) * 60_000;
const total = { runs: 0, inputs: 0, lost: 0, duplicated: 0, unnamed: 0, wrong: 0, gapped: 0, stuck: 0 };
const faults: Record<string, number> = {};
let seed = firstSeed;

const fuzzed = Number(values.fuzz);
if (fuzzed > 0) {
  const began = performance.now();
  fuzzDecoders(fuzzed, firstSeed);
  console.log(
    `${fuzzed} inputs to the decoders, none harmful, ${Math.round((performance.now() - began) / 1000)} s`,
  );
}

const more = () =>
  values.runs === undefined
    ? seed === firstSeed || performance.now() < end
    : seed < firstSeed + Number(values.runs);

function countStops({ rows, lost, duplicated, wrong, cut }: StopOutcome): void {
  total.runs += 1;
  total.inputs += rows;
  total.lost += lost;
  total.duplicated += duplicated;
  total.wrong += wrong;
  for (const [name, n] of Object.entries({ relay_stopped: 1, requests_cut: cut }))
    faults[name] = (faults[name] ?? 0) + n;
}

function count(outcome: Outcome): void {
  total.runs += 1;
  for (const name of ['inputs', 'lost', 'duplicated', 'unnamed', 'wrong', 'gapped'] as const)
    total[name] += outcome[name];
  for (const [name, n] of Object.entries(outcome.faults)) faults[name] = (faults[name] ?? 0) + n;
}

function countHours({ inputs, own, flink }: HoursOutcome): void {
  total.runs += 1;
  total.inputs += inputs;
  for (const { lacks, adds } of [own, ...(flink ? [flink] : [])]) total.wrong += lacks + adds;
}

/** One seed; whatever it finds is counted. */
async function attempt(run: (seed: number) => Promise<{ clean: boolean }>): Promise<boolean> {
  const mine = seed++;
  let clean = false;
  let stuck = false;
  try {
    const outcome = await run(mine);
    clean = outcome.clean;
    console.log(JSON.stringify(outcome));
  } catch (error) {
    stuck = true;
    total.stuck += 1;
    console.log(JSON.stringify({ seed: mine, error: (error as Error).message }));
  }
  if (!clean) console.log(`Repeat it: npm run soak -- --runs 1 ${kindOfRun()} --seed ${mine}`);
  return !stuck;
}

function kindOfRun(): string {
  if (values.hours) return values.flink ? '--hours --flink' : '--hours';
  return values.kafka ? '--kafka' : `--seconds ${seconds}`;
}

async function hoursWorker(): Promise<void> {
  while (more()) {
    await attempt(async (mine) => {
      const outcome = await runHours(mine, values.flink);
      countHours(outcome);
      return { ...outcome, clean: isAsForetold(outcome) };
    });
  }
}

async function worker(): Promise<void> {
  while (more()) {
    await attempt(async (mine) => {
      const outcome = await runSeed(mine, { rate: 1200, seconds });
      count(outcome);
      return { ...outcome, clean: isClean(outcome) };
    });
  }
}

async function kafkaWorker(_: unknown, index: number): Promise<void> {
  const kafka = await startKafka();
  try {
    while (more()) {
      const two = await TwoRelays.start(kafka.address, index % 2 === 0 ? ONE : MANY);
      try {
        let well = true;
        while (well && more()) {
          well = await attempt(async (mine) => {
            const outcome = await two.run(mine);
            countStops(outcome);
            return { ...outcome, clean: isSound(outcome) };
          });
        }
      } finally {
        await two.close();
      }
    }
  } finally {
    await kafka.stop();
  }
}

/** A long soak may be done in pieces: what the file has counted already is counted in. */
function added(file: string, sums: Record<string, unknown>): Record<string, unknown> {
  if (!existsSync(file)) return sums;
  const before = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const both = { ...before };
  for (const [name, value] of Object.entries(sums)) {
    const old = both[name];
    if (name === 'faults') both[name] = sumOf(old as Record<string, number>, value as Record<string, number>);
    else if (name in total) both[name] = Number(old ?? 0) + Number(value);
  }
  return both;
}

function sumOf(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return Object.fromEntries(names.map((name) => [name, (a[name] ?? 0) + (b[name] ?? 0)]));
}

const workerOf = values.hours ? hoursWorker : values.kafka ? kafkaWorker : worker;
await Promise.all(Array.from({ length: Number(values.parallel) }, workerOf));
const sums = { ...total, first_seed: firstSeed, seconds, faults };
console.log(JSON.stringify(sums));
if (values.out) writeFileSync(values.out, `${JSON.stringify(added(values.out, sums), null, 2)}\n`);
process.exit(total.lost + total.duplicated + total.unnamed + total.wrong + total.stuck > 0 ? 1 : 0);
