import { parseArgs } from 'node:util';
import { isClean, runSeed } from './conservation.js';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string', default: '1' } },
});
const end = performance.now() + Number(values.minutes) * 60_000;
const total = { runs: 0, inputs: 0, lost: 0, duplicated: 0, unnamed: 0, wrong: 0, gapped: 0 };
let failed = false;
let seed = Number(values.seed);
do {
  try {
    const outcome = await runSeed(seed, { rate: 400, seconds: 12 });
    total.runs += 1;
    for (const name of ['inputs', 'lost', 'duplicated', 'unnamed', 'wrong', 'gapped'] as const)
      total[name] += outcome[name];
    console.log(JSON.stringify(outcome));
    if (!isClean(outcome)) failed = true;
  } catch (error) {
    failed = true;
    console.log(JSON.stringify({ seed, error: (error as Error).message }));
  }
  if (failed) console.log(`Repeat it: npm run soak -- --minutes 0 --seed ${seed}`);
  seed += 1;
} while (performance.now() < end && !failed);
console.log(JSON.stringify(total));
process.exit(failed ? 1 : 0);
