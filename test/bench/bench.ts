import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { alertFigures } from './alerts.js';
import { archiveFigures } from './archive.js';
import { backtestFigures } from './backtest.js';
import { drainFigures } from './drain.js';
import type { Figure } from './figure.js';
import { fleetFigures } from './fleet.js';
import { flinkFigures } from './flink.js';
import { coldStartFigures, latencyFigures, offlineFigures, writtenFigures } from './gateway.js';
import { idleFigures } from './idle.js';
import { ingestFigures } from './ingest.js';
import { installedFigures } from './installed.js';
import { liveFigures } from './live.js';
import { memoryFigures } from './memory.js';
import { pathFigures } from './path.js';
import { sensorsFigures } from './sensors.js';
import { soakFigures } from './soak.js';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    ingest: { type: 'string', default: '200000' },
    path: { type: 'string', default: '300000' },
    drain: { type: 'string', default: '500000' },
    offline: { type: 'string', default: '10' },
  },
});

/** Parts of the bench: each measures its own reference in the same run. */
const PARTS: Record<string, () => Promise<Figure[]>> = {
  idle: () => idleFigures(20),
  cold: () => coldStartFigures(7),
  installed: () => installedFigures(5),
  latency: () => latencyFigures(200),
  written: () => writtenFigures(4),
  live: () => liveFigures(3),
  offline: () => offlineFigures(Number(values.offline)),
  sensors: () => sensorsFigures(120),
  soak: async () => soakFigures(),
  ingest: () => ingestFigures(Number(values.ingest)),
  path: () => pathFigures(Number(values.path)),
  drain: () => drainFigures(Number(values.drain)),
  fleet: () => fleetFigures(),
  archive: () => archiveFigures(20, 10),
  memory: () => memoryFigures(1_000_000),
  backtest: () => backtestFigures(),
  flink: () => flinkFigures(1_200_000),
  alerts: () => alertFigures(),
};

const LATEST = 'bench/latest.json';
const [cpu] = cpus();
const machine = `${cpus().length} × ${cpu?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;

/** With the machine and the day, so that figures of several runs can stand side by side. */
type Kept = Figure & { machine: string; measured_at: string };

const only = values.only?.split(',');
const figures: Kept[] = [];
for (const [name, run] of Object.entries(PARTS)) {
  if (only && !only.includes(name)) continue;
  for (const measured of await run()) {
    figures.push({ ...measured, machine, measured_at: new Date().toISOString() });
    console.log(JSON.stringify(measured));
  }
}

console.log(
  `\n${'figure'.padEnd(26)}${'value'.padStart(10)}  ${'unit'.padEnd(58)}${'reference'.padStart(10)}${'ratio'.padStart(8)}`,
);
for (const f of figures) {
  const reference = f.reference_value === null ? '' : String(f.reference_value);
  console.log(
    `${f.name.padEnd(26)}${String(f.value).padStart(10)}  ${f.unit.padEnd(58)}${reference.padStart(10)}${String(f.ratio ?? '').padStart(8)}`,
  );
}

// A part measured alone replaces its own figures only.
const before = existsSync(LATEST) ? (JSON.parse(readFileSync(LATEST, 'utf8')) as Kept[]) : [];
const kept = only ? before.filter(({ name }) => figures.every((f) => f.name !== name)) : [];
mkdirSync('bench', { recursive: true });
writeFileSync(LATEST, `${JSON.stringify([...kept, ...figures], null, 2)}\n`);
console.log(`\nOn ${machine}. Written to ${LATEST}`);
process.exit(0);
