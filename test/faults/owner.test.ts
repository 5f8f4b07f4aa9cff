import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { sumOf } from '../../agent/ring/sums.js';
import { W1Tree } from '../world/probes/w1.js';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { occurrences, readEmbedded } from '../world/run/read-log.js';
import { startRelay, type TestRelay } from '../world/run/relay.js';
import { tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';

const ROM = '28-0000000000ff';
/** A second program that is refused says so well within this. */
const REFUSED_MS = 15_000;
/** Rows that another program writes. */
const FOREIGN = 3;

let folder: ReturnType<typeof tempFolder>;
let relay: TestRelay;
let httpPort: number;
let w1: W1Tree;
const agents: Program[] = [];
beforeEach(async () => {
  folder = tempFolder('owner');
  relay = await startRelay(folder.path);
  httpPort = await freePort();
  w1 = new W1Tree(`${folder.path}/w1`);
  w1.set(ROM, 5);
});
afterEach(async () => {
  await Promise.all([...agents.splice(0), relay.program].map((program) => program.kill()));
  folder.remove();
});

const status = () => getJson<AgentStatus>(`http://127.0.0.1:${httpPort}/api/status`);

/** An agent on the one data folder; its own settings and log lie in a folder of that name. */
function startAgent(name: string, port: number): Program {
  mkdirSync(`${folder.path}/${name}`, { recursive: true });
  const site = {
    clinic: { id: 'c', name: 'Owner' },
    gateway: 'gw',
    data: `${folder.path}/data`,
    sensors: [{ id: 's', model: 'maxim/ds18b20', source: { kind: 'w1', rom: ROM }, every: '1s' }],
    gpio: { w1_root: w1.root },
    ring: { flush: '100ms' },
    relay: { url: relay.url, every: '300ms', deadline: '2s', backoff_max: '1s' },
    http: { host: '127.0.0.1', port },
  };
  const program = new Program('agent', site, `${folder.path}/${name}`);
  agents.push(program);
  return program;
}

const said = (name: string, program = 'agent') =>
  readFileSync(`${folder.path}/${name}/${program}.log`, 'utf8');
const ended = (what: string, program: Program) =>
  until(what, REFUSED_MS, () => !program.running || undefined);

describe('two programs on one data folder', () => {
  it('agents: the second is refused and names the first, which goes on, and loses and repeats nothing', async () => {
    const first = startAgent('first', httpPort);
    await until('the agent', 20_000, status);
    await until('readings', 20_000, async () => (await status()).ring.readings > 2);
    const second = startAgent('second', await freePort());
    await ended('the second to be refused', second);
    expect(said('second')).toContain(`another coldwatch agent (process ${first.pid}, since 20`);
    const before = (await status()).ring.readings;
    await until('more readings', 20_000, async () => (await status()).ring.readings > before + 3);
    await until('all of them at the relay', 20_000, async () => {
      const { ring, relay: link } = await status();
      return ring.failure === null && ring.waiting === 0 && link.backlog === 0;
    });
    const { readings } = (await status()).ring;
    const seen = readEmbedded(`${folder.path}/relay`);
    const rows = [...occurrences(seen)].filter(([id]) => id.includes('/readings/'));
    expect(rows.length).toBeGreaterThanOrEqual(readings);
    expect(rows.filter(([, count]) => count > 1)).toEqual([]);
    expect(seen.filter(({ message }) => message.type === 'gap')).toEqual([]);
  });

  it('an older agent, which knows of no lock, gives out the same numbers: the next start sends its rows and ours', async () => {
    const first = startAgent('first', httpPort);
    await until('readings', 20_000, async () => (await status()).ring.readings > 3);
    const { epoch } = (await status()).ring;
    const db = new Database(`${folder.path}/data/ring.db`, { timeout: 5000 });
    db.transaction(() => {
      const last = db.prepare('SELECT * FROM readings ORDER BY seq DESC LIMIT 1').raw().get() as number[];
      for (let n = 1; n <= FOREIGN; n++) {
        const row = [last[0]! + n, last[1]!, last[2]!, last[3]! + n, null, 77_000 + n, 0];
        db.prepare('INSERT INTO readings VALUES (?, ?, ?, ?, ?, ?, ?, ?)').run(
          ...row,
          sumOf('readings', row),
        );
      }
    }).immediate();
    db.close();
    await ended('the agent to meet them', first);
    expect(said('first')).toContain('UNIQUE constraint failed');

    startAgent('again', httpPort);
    const inLog = () =>
      readEmbedded(`${folder.path}/relay`).filter(({ topic }) => topic === 'iot.temperature');
    await until(
      'rows of three rings',
      60_000,
      () => new Set(inLog().map(({ message }) => message.epoch)).size === 3 || undefined,
    );
    const theirs = () => inLog().filter(({ message }) => Number(message.value) > 77);
    await until('the other’s rows', 20_000, () => theirs().length === FOREIGN || undefined);
    expect(theirs().every(({ message }) => message.epoch === epoch)).toBe(true);
    const rows = [...occurrences(readEmbedded(`${folder.path}/relay`))];
    expect(rows.filter(([, count]) => count > 1)).toEqual([]);
  });

  it('agents: kill -9 of the first leaves nothing behind that refuses a start, whatever the lock file holds', async () => {
    for (const garbage of ['', 'x'.repeat(8192), 'SQLite format 3\0']) {
      const first = startAgent('first', httpPort);
      await until('the agent', 20_000, async () => (await status()).ring.readings > 0);
      await first.kill();
      writeFileSync(`${folder.path}/data/agent.lock`, garbage);
      writeFileSync(`${folder.path}/data/agent.owner.json`, garbage);
      const again = startAgent('again', httpPort);
      await until('the agent started again', 20_000, status);
      await again.kill();
    }
  });

  it('relays: the second is refused and names the first; commands beside the first work', async () => {
    mkdirSync(`${folder.path}/other`);
    const data = `${folder.path}/relay`;
    const http = { host: '127.0.0.1', port: await freePort() };
    const second = new Program('relay', { data, http }, `${folder.path}/other`);
    await ended('the second to be refused', second);
    expect(said('other', 'relay')).toContain(`another coldwatch relay (process ${relay.program.pid}, since`);
    expect((await fetch(`${relay.url}/readyz`)).status).toBe(200);
    writeFileSync(`${folder.path}/relay.yaml`, stringify({ data, archive: {} }));
    const run = (...args: string[]) =>
      execFileSync(
        process.execPath,
        ['dist/cli/main.js', 'relay', ...args, '--config', `${folder.path}/relay.yaml`, '--json'],
        { encoding: 'utf8' },
      );
    expect(JSON.parse(run('dead-letters'))).toEqual([]);
    expect(JSON.parse(run('archive', 'rebuild'))).toMatchObject({ refused: 0 });
    expect(JSON.parse(run('replay', '--from', '2020-01-01', '--to', '2020-01-02'))).toMatchObject({
      read: 0,
    });
    await relay.program.kill();
    relay = await startRelay(folder.path);
  });
});
