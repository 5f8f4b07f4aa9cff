import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { Command } from 'commander';
import type { Rule } from '../../core/detect/rules.js';
import { readLabels } from '../backtest/labels.js';
import { readRows } from '../backtest/readings.js';
import { type Backtest, runBacktest } from '../backtest/run.js';
import { score } from '../backtest/score.js';
import { deviceConfigs, loadSite, openLibrary } from '../config/load.js';
import { failWith, misuse, print } from '../output.js';

interface Options {
  readings: string;
  preset?: string;
  config?: string;
  labels?: string;
  alerts?: string;
  json?: boolean;
}

export function backtestCommand(): Command {
  return new Command('backtest')
    .description(
      'replays history through the agent’s own alarm in simulated time, and compares it with labels',
    )
    .requiredOption(
      '--readings <FILE>',
      'CSV sensor,ts_utc_iso,temperature_c or NDJSON readings; may be gzipped',
    )
    .option('--preset <NAME>', 'rules of a preset, for every sensor')
    .option('--config <SITE.yaml>', 'rules of a site file, by sensor')
    .option('--labels <FILE>', 'labelled events as JSON')
    .option('--alerts <OUT.ndjson>', 'write every alert')
    .option('--json', 'print the result as JSON')
    .action(async (options: Options) => {
      if ((options.preset === undefined) === (options.config === undefined)) {
        return misuse('expected exactly one of --preset and --config');
      }
      const rulesOf = rulesFrom(options);
      if (typeof rulesOf === 'string') return misuse(rulesOf);
      if (Array.isArray(rulesOf)) return failWith(rulesOf);
      const labels = options.labels === undefined ? undefined : readLabels(options.labels);
      const out = options.alerts === undefined ? undefined : createWriteStream(options.alerts);
      const began = performance.now();
      const result = await runBacktest(readRows(options.readings), rulesOf, (alert) => {
        out?.write(`${JSON.stringify(alert)}\n`);
      });
      if (out) {
        out.end();
        await once(out, 'finish');
      }
      if (result.observed.length === 0) throw new Error(`${options.readings}: no readings in it`);
      const strangers = labels?.filter(
        (l) =>
          !result.observed.some(
            (o) => o.sensor === l.sensor && l.onsetMs <= o.lastMs && l.endMs >= o.firstMs,
          ),
      );
      if (strangers?.length) {
        throw new Error(
          `${options.labels}: ${strangers.length} events lie outside the readings, first ${strangers[0]!.id}`,
        );
      }
      const report = {
        sensors: result.observed.length,
        readings: result.readings,
        missing: result.missing,
        out_of_order: result.outOfOrder,
        alarms: result.raised.length,
        readings_per_s: Math.round((result.readings / (performance.now() - began)) * 1000),
        ...(labels ? { score: score(labels, result.raised, result.observed) } : {}),
      };
      if (options.json) print(JSON.stringify(report));
      else present(report, result);
    });
}

function rulesFrom({ preset, config }: Options) {
  if (preset !== undefined) {
    const { library, problems } = openLibrary(deviceConfigs());
    const found = library.presets.get(preset);
    if (problems.length > 0) return problems;
    if (!found) return `--preset: got ${preset}, expected one of ${[...library.presets.keys()].join(', ')}`;
    return () => found.rules;
  }
  const loaded = loadSite(config!);
  if (!('value' in loaded)) return loaded.problems;
  const rules = new Map<string, readonly Rule[]>(loaded.value.sensors.map((s) => [s.id, s.allRules]));
  return (sensor: string): readonly Rule[] => {
    const own = rules.get(sensor);
    if (!own) throw new Error(`sensor ${sensor} is in the readings and not in ${config}`);
    return own;
  };
}

function present(
  report: object & { score?: ReturnType<typeof score> },
  { outOfOrder, raised }: Backtest,
): void {
  const { score: scored, ...head } = report;
  print(
    Object.entries(head)
      .filter(([key]) => key !== 'out_of_order')
      .map(([key, value]) => `${key} ${value}`)
      .join(', '),
  );
  if (outOfOrder.count > 0) {
    print(
      `${outOfOrder.count} rows go back in time or repeat one, first in line ${outOfOrder.firstLine}: not evaluated`,
    );
  }
  if (!scored) {
    for (const { sensor, rule, atMs } of raised.slice(0, 50))
      print(`${new Date(atMs).toISOString()} ${sensor} ${rule}`);
    return;
  }
  const { by_kind: kinds, minutes, ...sums } = scored;
  for (const [key, value] of Object.entries(sums))
    print(`${key}: ${typeof value === 'object' ? JSON.stringify(value) : value}`);
  print(`per minute: ${JSON.stringify(minutes)}`);
  for (const [kind, row] of Object.entries(kinds)) print(`${kind}: ${JSON.stringify(row)}`);
}
