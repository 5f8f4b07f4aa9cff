import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { W1Tree } from '../world/probes/w1.js';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { startRelay } from '../world/run/relay.js';
import { tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';

let folder: ReturnType<typeof tempFolder>;
const programs: Program[] = [];
beforeEach(() => {
  folder = tempFolder('private');
});
afterEach(async () => {
  await Promise.all(programs.splice(0).map((program) => program.kill()));
  folder.remove();
});

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
/** The folder, and each file in it, that another user may read or enter. */
const open = (path: string) =>
  [path, ...readdirSync(path).map((name) => `${path}/${name}`)].filter(
    (one) => (statSync(one).mode & 0o077) !== 0,
  );

async function startAgent(more: object = {}): Promise<number> {
  const port = await freePort();
  const w1 = new W1Tree(`${folder.path}/w1`);
  w1.set('28-000000000001', 4.5);
  const site = {
    clinic: { id: 'c', name: 'C' },
    gateway: 'gw',
    data: `${folder.path}/agent`,
    sensors: [
      {
        id: 'fridge',
        model: 'maxim/ds18b20',
        preset: 'refrigerator-2-8',
        source: { kind: 'w1', rom: '28-000000000001' },
        every: '1s',
      },
    ],
    gpio: { w1_root: `${folder.path}/w1` },
    http: { host: '127.0.0.1', port },
    ...more,
  };
  programs.push(new Program('agent', site, folder.path));
  await until('a reading on the card', 30_000, async () => {
    return (await getJson<AgentStatus>(`http://127.0.0.1:${port}/api/status`)).ring.readings > 0;
  });
  return port;
}

it('ring, log and state are for their user alone, also those of an older version', async () => {
  for (const name of ['agent', 'relay']) {
    mkdirSync(`${folder.path}/${name}`, { mode: 0o755 });
    const db = new Database(`${folder.path}/${name}/${name === 'agent' ? 'ring' : 'log'}.db`);
    db.close();
    chmodSync(`${folder.path}/${name}/${name === 'agent' ? 'ring' : 'log'}.db`, 0o644);
  }
  const relay = await startRelay(folder.path, { archive: {} });
  programs.push(relay.program);
  await startAgent({ relay: { url: relay.url, every: '1s' } });
  await until('an archive', 20_000, () => readdirSync(`${folder.path}/relay`).includes('archive.db'));
  expect(open(`${folder.path}/agent`)).toEqual([]);
  expect(open(`${folder.path}/relay`)).toEqual([]);
  expect([modeOf(`${folder.path}/agent/ring.db`), modeOf(`${folder.path}/agent`)]).toEqual(['600', '700']);
});

it('a folder that holds other things keeps its mode, and that is said', async () => {
  mkdirSync(`${folder.path}/agent`, { mode: 0o755 });
  writeFileSync(`${folder.path}/agent/notes.txt`, 'of somebody else', { mode: 0o644 });
  await startAgent();
  expect([modeOf(`${folder.path}/agent`), modeOf(`${folder.path}/agent/notes.txt`)]).toEqual(['755', '644']);
  expect(modeOf(`${folder.path}/agent/ring.db`)).toBe('600');
  expect(readFileSync(`${folder.path}/agent.log`, 'utf8')).toMatch(/can be read by other users/);
});

it('the agent tells Prometheus each temperature with its limits, and holds few connections', async () => {
  const port = await startAgent();
  const metrics = () => fetch(`http://127.0.0.1:${port}/metrics`).then((answer) => answer.text());
  const text = await metrics();
  const labels = 'sensor="fridge",quantity="temperature",unit="Cel"';
  expect(text).toMatch(`coldwatch_agent_reading{${labels},clinic="c",gateway="gw"} 4.5`);
  expect(text).toMatch(new RegExp(`coldwatch_agent_sensor_limit\\{${labels},side="high",.*\\} 8`));
  expect(text).toMatch(new RegExp(`coldwatch_agent_sensor_limit\\{${labels},side="low",.*\\} 2`));
  const age = /coldwatch_agent_reading_time_seconds\{.*\} ([\d.]+)/.exec(text)![1];
  expect(Date.now() / 1000 - Number(age)).toBeLessThan(30);
  const sockets = Array.from({ length: 200 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  const closed = () => sockets.filter((socket) => socket.destroyed).length;
  await until('the bound', 5000, () => closed() >= 130);
  for (const socket of sockets) socket.destroy();
  await until('room again', 5000, async () => (await metrics()).length > 0);
});
