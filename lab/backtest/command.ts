import { once } from 'node:events';
import { createWriteStream, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { deviceConfigs, openLibrary } from '../../agent/site/library.js';
import { loadSite } from '../../agent/site/load.js';
import { SystemClock } from '../../host/clock.js';
import { failWith, misuse, print } from '../../host/output.js';
import { type Backtest, runBacktest, type Watched } from './backtest.js';
import { Outline } from './chart.js';
import { htmlReport } from './html.js';
import { type Label, readLabels } from './labels.js';
import { nabScore } from './nab.js';
import { readRows } from './readings.js';
import { score } from './score.js';

interface Options {
  readings: string;
  preset?: string;
  config?: string;
  labels?: string;
  alerts?: string;
  nab?: boolean;
  html?: string;
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
    .option('--nab', 'score the labels as windows of the Numenta Anomaly Benchmark too')
    .option('--html <OUT.html>', 'write a report with a chart of each sensor')
    .option('--json', 'print the result as JSON')
    .action(backtest);
}

async function backtest(options: Options): Promise<void> {
  if ((options.preset === undefined) === (options.config === undefined)) {
    return misuse('expected exactly one of --preset and --config');
  }
  if (options.nab && options.labels === undefined) return misuse('--nab needs --labels');
  const watchedBy = watchedFrom(options);
  if (typeof watchedBy === 'string') return misuse(watchedBy);
  if (Array.isArray(watchedBy)) return failWith(watchedBy);
  const labels = options.labels === undefined ? undefined : readLabels(options.labels);
  const out = options.alerts === undefined ? undefined : createWriteStream(options.alerts);
  const outlines = new Map<string, Outline>();
  const clock = new SystemClock();
  const began = clock.mono();
  const result = await runBacktest(
    readRows(options.readings),
    watchedBy,
    (alert) => out?.write(`${JSON.stringify(alert)}\n`),
    options.html === undefined
      ? undefined
      : (sensor, atMs, milli) => outline(outlines, sensor).push(atMs, milli),
  );
  if (out) {
    out.end();
    await once(out, 'finish');
  }
  if (result.observed.length === 0) throw new Error(`${options.readings}: no readings in it`);
  if (labels) refuseStrangers(labels, result, options.labels!);
  const seconds = (clock.mono() - began) / 1000;
  const report = {
    sensors: result.observed.length,
    readings: result.readings,
    missing: result.missing,
    out_of_order: result.outOfOrder,
    suspect_unit: result.suspectUnit,
    asleep: result.asleep,
    alarms: result.raised.length,
    readings_per_s: Math.round(result.readings / seconds),
    ...(labels ? { score: score(labels, result.raised, result.observed) } : {}),
    ...(labels && options.nab ? { nab: nabOf(labels, result) } : {}),
  };
  if (options.html !== undefined) {
    const title = `Backtest of ${options.readings} with ${options.preset ?? options.config}`;
    writeFileSync(options.html, htmlReport(title, report, outlines, labels ?? [], result.raised));
  }
  if (options.json) print(JSON.stringify(report));
  else present(report, result);
}

function outline(outlines: Map<string, Outline>, sensor: string): Outline {
  const known = outlines.get(sensor) ?? new Outline();
  outlines.set(sensor, known);
  return known;
}

const nabOf = (labels: readonly Label[], { raised, observed }: Backtest) =>
  nabScore(labels, raised, new Map(observed.map((o) => [o.sensor, o]))) ?? null;

function refuseStrangers(labels: readonly Label[], { observed }: Backtest, file: string): void {
  const spans = new Map(observed.map((o) => [o.sensor, o]));
  const strangers = labels.filter((l) => {
    const o = spans.get(l.sensor);
    return !o || l.onsetMs > o.lastMs || l.endMs < o.firstMs;
  });
  if (strangers.length > 0) {
    throw new Error(
      `${file}: ${strangers.length} events lie outside the readings, first ${strangers[0]!.id}`,
    );
  }
}

function watchedFrom({ preset, config }: Options) {
  if (preset !== undefined) {
    const { library, problems } = openLibrary(deviceConfigs());
    const found = library.presets.get(preset);
    if (problems.length > 0) return problems;
    if (!found) return `--preset: got ${preset}, expected one of ${[...library.presets.keys()].join(', ')}`;
    return (): Watched => ({ rules: found.rules });
  }
  const loaded = loadSite(config!);
  if (!('value' in loaded)) return loaded.problems;
  const watched = new Map(
    loaded.value.sensors.map(({ id, allRules, device }) => [id, { rules: allRules, validity: device }]),
  );
  return (sensor: string): Watched => {
    const own = watched.get(sensor);
    if (!own) throw new Error(`sensor ${sensor} is in the readings and not in ${config}`);
    return own;
  };
}

function present(
  report: object & { score?: ReturnType<typeof score>; nab?: object | null },
  { outOfOrder, suspectUnit, asleep, raised }: Backtest,
): void {
  const { score: scored, nab, ...head } = report;
  print(
    Object.entries(head)
      .filter(([key]) => key !== 'out_of_order' && key !== 'suspect_unit' && key !== 'asleep')
      .map(([key, value]) => `${key} ${value}`)
      .join(', '),
  );
  if (outOfOrder.count > 0) {
    print(
      `${outOfOrder.count} rows go back in time or repeat one, first in line ${outOfOrder.firstLine}: not evaluated`,
    );
  }
  for (const sensor of suspectUnit) {
    print(`${sensor}: on average 34 to 50, which would be a fridge in °F; the column is °C`);
  }
  for (const [sensor, rules] of Object.entries(asleep)) {
    print(`${sensor}: too few readings for ${rules.join(', ')}, which slept`);
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
  if (nab !== undefined) print(`NAB: ${JSON.stringify(nab)}`);
  for (const [kind, row] of Object.entries(kinds)) print(`${kind}: ${JSON.stringify(row)}`);
}
