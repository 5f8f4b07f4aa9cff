import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { isClean, type Outcome, runSeed } from './conservation.js';
import { fuzzDecoders } from './fuzz.js';

/*
 * Seeded fault runs, one after another: --minutes N (at least one run), or --runs N. --parallel P of them at a time,
 * each with --seconds S of faults. --out FILE keeps the sums for the bench. --fuzz N first gives N
 * inputs to the decoders.
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

function count(outcome: Outcome): void {
  total.runs += 1;
  for (const name of ['inputs', 'lost', 'duplicated', 'unnamed', 'wrong', 'gapped'] as const)
    total[name] += outcome[name];
  for (const [name, n] of Object.entries(outcome.faults)) faults[name] = (faults[name] ?? 0) + n;
}

async function worker(): Promise<void> {
  while (more()) {
    const mine = seed++;
    let clean = false;
    try {
      const outcome = await runSeed(mine, { rate: 1200, seconds });
      count(outcome);
      clean = isClean(outcome);
      console.log(JSON.stringify(outcome));
    } catch (error) {
      total.stuck += 1;
      console.log(JSON.stringify({ seed: mine, error: (error as Error).message }));
    }
    if (!clean) console.log(`Repeat it: npm run soak -- --runs 1 --seconds ${seconds} --seed ${mine}`);
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

await Promise.all(Array.from({ length: Number(values.parallel) }, worker));
const sums = { ...total, first_seed: firstSeed, seconds, faults };
console.log(JSON.stringify(sums));
if (values.out) writeFileSync(values.out, `${JSON.stringify(added(values.out, sums), null, 2)}\n`);
process.exit(total.lost + total.duplicated + total.unnamed + total.wrong + total.stuck > 0 ? 1 : 0);
