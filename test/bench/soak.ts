import { existsSync, readFileSync } from 'node:fs';
import { type Figure, figure } from './figure.js';

const SUMS = 'bench/soak.json';

/** What the last long soak found: hours of work, so the bench reads what `npm run soak -- --out` has kept. */
export function soakFigures(): Figure[] {
  if (!existsSync(SUMS)) {
    console.error(`${SUMS} is missing: npm run soak -- --runs 1000 --seconds 4 --parallel 3 --out ${SUMS}`);
    return [];
  }
  const sums = JSON.parse(readFileSync(SUMS, 'utf8')) as Record<
    'runs' | 'lost' | 'duplicated' | 'unnamed',
    number
  >;
  const unit = `of ${sums.runs} seeded fault runs (npm run soak)`;
  return [
    figure('soak.lost', sums.lost, unit),
    figure('soak.duplicated', sums.duplicated, unit),
    figure('soak.unnamed_gaps', sums.unnamed, unit),
  ];
}
