import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { W1Tree } from '../world/probes/w1.js';
import { freePort, getJson, until } from '../world/run/programs.js';
import { tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';
import { type Figure, figure, rssMb } from './figure.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PROBES = 10;
const SETTLED_MS = 20_000;
const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** The agent of the Debian package beside the same from a clone: size, start to the first reading, memory. */
export async function installedFigures(rounds: number): Promise<Figure[]> {
  const folder = tempFolder('installed');
  const debian = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
  try {
    execFileSync('./scripts/package', ['--out', folder.path, `agent-${debian}`], {
      cwd: ROOT,
      stdio: 'ignore',
    });
    const deb = readdirSync(folder.path).find((name) => name.endsWith('.deb'))!;
    const root = `${folder.path}/root`;
    execFileSync('dpkg-deb', ['-x', `${folder.path}/${deb}`, root]);
    const lib = `${root}/usr/lib/coldwatch-agent`;
    const installed = [`${lib}/bin/node`, `${lib}/dist/cli/main.js`];
    const clone = [process.execPath, `${ROOT}dist/cli/main.js`];
    const [ours, theirs]: [Start[], Start[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      theirs.push(await start(clone, folder.path, round === 0));
      ours.push(await start(installed, folder.path, round === 0));
    }
    const seconds = (starts: Start[]) => median(starts.map(({ firstReadingS }) => firstReadingS));
    const reference = (value: number) => ({ name: 'from a clone', value });
    return [
      figure('installed.size', mb(`${root}/usr`), 'MB on disk, with its Node.js', {
        name: 'a clone, its packages, what is built, and Node.js',
        value: mb(`${ROOT}node_modules`) + mb(`${ROOT}dist`) + mb(process.execPath),
      }),
      figure('installed.deb', mb(`${folder.path}/${deb}`), 'MB to fetch'),
      figure(
        'installed.start',
        seconds(ours),
        's to the first reading of a probe',
        reference(seconds(theirs)),
      ),
      figure('installed.rss', ours[0]!.rssMb, `MB, ${PROBES} probes on 1-wire`, reference(theirs[0]!.rssMb)),
    ];
  } finally {
    folder.remove();
  }
}

const mb = (path: string) =>
  Number(execFileSync('du', ['-sk', path], { encoding: 'utf8' }).split('\t')[0]) / 1024;

interface Start {
  firstReadingS: number;
  /** Once it has settled; 0 where that was not waited for. */
  rssMb: number;
}

async function start([node, main]: string[], under: string, settle: boolean): Promise<Start> {
  const folder = tempFolder('installed-start');
  const w1 = new W1Tree(`${folder.path}/w1`);
  const roms = Array.from({ length: PROBES }, (_, i) => `28-00000000000${i}`);
  for (const rom of roms) w1.set(rom, 5);
  const port = await freePort();
  const site = {
    clinic: { id: 'c', name: 'Bench' },
    gateway: 'bench',
    data: `${folder.path}/agent`,
    sensors: roms.map((rom, i) => ({
      id: `s${i}`,
      model: 'maxim/ds18b20',
      preset: 'refrigerator-2-8',
      source: { kind: 'w1', rom },
      every: '60s',
    })),
    gpio: { w1_root: w1.root },
    http: { host: '127.0.0.1', port },
  };
  writeFileSync(`${folder.path}/site.yaml`, stringify(site));
  const began = performance.now();
  const agent = spawn(node!, [main!, 'agent', '--config', `${folder.path}/site.yaml`], {
    cwd: under,
    stdio: 'ignore',
  });
  const ended = new Promise((resolve) => agent.once('exit', resolve));
  try {
    await until('a reading', 60_000, async () => {
      const status = await getJson<AgentStatus>(`http://127.0.0.1:${port}/api/status`);
      return status.sensors.some(({ good }) => good > 0);
    });
    const firstReadingS = (performance.now() - began) / 1000;
    if (settle) await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
    return { firstReadingS, rssMb: settle ? rssMb(agent.pid!) : 0 };
  } finally {
    agent.kill('SIGTERM');
    await ended;
    folder.remove();
  }
}
