import { parseArgs } from 'node:util';
import { Steps } from './steps.js';
import { steps } from './story.js';
import { World } from './world.js';

const USAGE = `usage: ./scripts/boot [--image FILE.img] [--short] [--kills N] [--seed N] [--keep]
  --image  an image of ./scripts/image for amd64, which is not changed; absent: one is made
  --short  boots, reads both probes, forwards, and ends there
  --kills  how often the plug is pulled during an excursion (5)
  --keep   leaves the machine's card and console in its folder, and names it`;

const CARD_MB = 4096;

const { values } = parseArgs({
  options: {
    image: { type: 'string' },
    short: { type: 'boolean', default: false },
    kills: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'boolean', default: false },
  },
});
const [kills, seed] = [Number(values.kills), Number(values.seed)];
if (!values.image || !Number.isInteger(kills) || kills < 0 || !Number.isInteger(seed)) {
  console.error(USAGE);
  process.exit(2);
}

const world = await World.build(values.image, CARD_MB);
const report = new Steps();
try {
  await steps(world, report, { short: values.short, kills, seed });
} finally {
  await world.close(values.keep || report.failed > 0);
}
console.log(`${report.passed} passed, ${report.failed} failed`);
process.exit(report.failed > 0 ? 1 : 0);
