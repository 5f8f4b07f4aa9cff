import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { deviceConfigs, openLibrary } from '../../agent/site/library.js';
import { type Rule, ruleSchema } from '../../core/detect/rules.js';
import { MINUTE } from '../../core/durations.js';
import { SensorReplay } from '../../lab/backtest/replay.js';
import { fleetCsv, simulateFridge } from '../world/data/fleet.js';
import { tempFolder } from '../world/run/services.js';
import { type Figure, figure } from './figure.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Every kind of rule beside the preset's own, as a site may have them all. */
const MORE: readonly object[] = [
  {
    kind: 'threshold',
    name: 'in-all',
    side: 'above',
    limit: 8,
    dwell: '60m',
    accumulation: 'cumulative',
    window: '48h',
  },
  { kind: 'trend', name: 'rate', what: 'rate', by: 3, over: '5m' },
  { kind: 'trend', name: 'rising', what: 'rising', by: 1 },
  { kind: 'trend', name: 'spike', what: 'spike_then_drop', by: 3, over: '10m' },
  { kind: 'mkt', name: 'mkt', limit: 8, window: '24h' },
  { kind: 'vvm', name: 'vvm', monitor: 7, used: 0.5 },
  { kind: 'budget', name: 'budget', product: 'p', source: 's', above: 8, allowed: '72h' },
  { kind: 'anomaly', name: 'z', what: 'zscore', threshold: 6 },
  { kind: 'anomaly', name: 'extreme', what: 'extreme' },
];

function perReading(rules: readonly Rule[], values: readonly (number | null)[]): number {
  const replay = new SensorReplay('s', rules, undefined, { last: 0 }, () => {});
  const began = performance.now();
  values.forEach((celsius, m) => {
    replay.push(m * MINUTE, celsius === null ? null : Math.round(celsius * 1000));
  });
  return ((performance.now() - began) / values.length) * 1000;
}

/** pandas and scikit-learn of $PYTHON, where they are; NaN where not. */
function pandasSeconds(file: string): number {
  const script = `${ROOT}test/bench/reference_backtest.py`;
  const run = spawnSync(process.env.PYTHON ?? 'python3', [script, file], {
    encoding: 'utf8',
    env: { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
  });
  if (run.status !== 0) console.log('no reference: $PYTHON has no pandas and scikit-learn');
  return Number.parseFloat(run.stdout);
}

export async function backtestFigures(): Promise<Figure[]> {
  const folder = tempFolder('backtest-bench');
  try {
    const fleet = Array.from({ length: 12 }, (_, i) => simulateFridge(901 + i, 42));
    const file = `${folder.path}/readings.csv`;
    writeFileSync(file, fleetCsv(fleet));
    const args = [
      `${ROOT}dist/cli/main.js`,
      'backtest',
      '--readings',
      file,
      '--preset',
      'refrigerator-2-8',
      '--json',
    ];
    const ours = JSON.parse(spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout) as {
      readings: number;
      readings_per_s: number;
    };
    const seconds = pandasSeconds(file);
    const reference = Number.isNaN(seconds)
      ? undefined
      : { name: 'pandas with scikit-learn', value: ours.readings / seconds };
    const preset = openLibrary(deviceConfigs()).library.presets.get('refrigerator-2-8')!.rules;
    const all = [...preset, ...MORE.map((rule) => ruleSchema.parse(rule))];
    perReading(all, fleet[0]!.values);
    return [
      figure('backtest.rate', ours.readings_per_s, 'readings/s', reference),
      figure('detect.preset', perReading(preset, fleet[1]!.values), 'µs a reading, preset refrigerator-2-8'),
      figure('detect.all', perReading(all, fleet[1]!.values), 'µs a reading, every kind of rule beside it'),
    ];
  } finally {
    folder.remove();
  }
}
