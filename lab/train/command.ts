import { writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { FEATURE_NAMES, type FeatureName, featuresOf } from '../../core/detect/measure/features.js';
import { trainForest } from '../../core/detect/measure/forest.js';
import { Track } from '../../core/detect/track.js';
import { generator } from '../../core/random.js';
import { print } from '../../host/output.js';
import { readRows } from '../backtest/readings.js';

interface Options {
  readings: string;
  out: string;
  features: FeatureName[];
  trees: number;
  subsample: number;
  contamination: number;
  seed: number;
  json?: boolean;
}

/** Rows that training looks at: more of them change no tree that sees a few hundred. */
const ROWS_MAX = 200_000;
const DEFAULTS: FeatureName[] = [
  'slope_10m',
  'slope_1h',
  'since_fall',
  'since_rise',
  'above_usual',
  'below_usual',
];

export function trainCommand(): Command {
  return new Command('train')
    .description('trains an isolation forest on readings of days on which all was well')
    .requiredOption(
      '--readings <FILE>',
      'CSV sensor,ts_utc_iso,temperature_c or NDJSON readings; may be gzipped',
    )
    .requiredOption('--out <MODEL.json>', 'where the model goes; a rule of kind anomaly names it')
    .option('--features <LIST>', `comma-separated, of ${FEATURE_NAMES.join(', ')}`, features, DEFAULTS)
    .option('--trees <N>', 'trees', within(1, 1000, true), 100)
    .option('--subsample <N>', 'samples that each tree sees', within(2, 10_000, true), 256)
    .option('--contamination <SHARE>', 'share of the readings taken for unusual', within(0.0001, 0.5), 0.001)
    .option('--seed <N>', 'the same seed gives the same model', within(0, 2 ** 31, true), 1)
    .option('--json', 'print what was done as JSON')
    .action(
      async ({ readings, out, features: names, trees, subsample, contamination, seed, json }: Options) => {
        const random = generator(seed);
        const { rows, seen } = await collect(readings, names, random);
        if (rows.length < 2) {
          throw new Error(
            `${readings}: got ${rows.length} readings with all features known, expected at least 2 (above_usual and below_usual need a day of readings first)`,
          );
        }
        const forest = trainForest(rows, { features: names, trees, subsample, contamination, seed, random });
        writeFileSync(out, `${JSON.stringify(forest)}\n`);
        const done = { out, readings: seen, used: rows.length, trees, threshold: forest.threshold };
        if (json) print(JSON.stringify(done));
        else
          print(
            `${out}: ${trees} trees from ${rows.length} of ${seen} readings; unusual above ${forest.threshold.toFixed(3)}`,
          );
      },
    );
}

/** A sample of the rows by reservoir: any length of file in bounded memory. */
async function collect(file: string, names: readonly FeatureName[], random: () => number) {
  const tracks = new Map<string, Track>();
  const rows: number[][] = [];
  let known = 0;
  let seen = 0;
  for await (const { sensor, atMs, milli } of readRows(file)) {
    if (milli === null) continue;
    seen += 1;
    const track = tracks.get(sensor) ?? new Track();
    tracks.set(sensor, track);
    track.push(atMs, milli, true);
    const row = featuresOf(track, names);
    if (!row) continue;
    known += 1;
    if (rows.length < ROWS_MAX) rows.push(row);
    else {
      const at = Math.floor(random() * known);
      if (at < ROWS_MAX) rows[at] = row;
    }
  }
  return { rows, seen };
}

function features(text: string): FeatureName[] {
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !FEATURE_NAMES.includes(name as FeatureName));
  if (wrong !== undefined) {
    throw new InvalidArgumentError(`got "${wrong}", expected some of ${FEATURE_NAMES.join(', ')}`);
  }
  return names as FeatureName[];
}

function within(low: number, high: number, whole = false): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= low && value <= high) || (whole && !Number.isInteger(value))) {
      throw new InvalidArgumentError(`expected a ${whole ? 'whole ' : ''}number from ${low} to ${high}`);
    }
    return value;
  };
}
