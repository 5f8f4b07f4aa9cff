import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { markDamaged } from '../../agent/ring/aside.js';
import { REPORT, type Salvage } from '../../agent/ring/salvage.js';
import { LAST_KNOWN, RingStore, stateCommit } from '../../agent/ring/store.js';
import { generator } from '../../core/random.js';
import { FaultyDisk } from '../world/faults/disk.js';
import { fillRing } from '../world/ring/fill-ring.js';
import { tempFolder } from '../world/run/services.js';

/*
 * kill -9 while a damaged ring is followed and salvaged, while one is numbered anew, and while one moves from memory to
 * the card: at every sync, and at moments in between. The next start goes on until every row is somewhere, once, or
 * named, and what was firing and what was to be texted are there.
 */
const HOST = fileURLToPath(new URL('../../dist/test/world/ring/salvage-host.js', import.meta.url));
/** The full form (FULL=1) has the size of a ring of weeks: a minute and a half of one core. */
const FULL = process.env.FULL === '1';
const ROWS = FULL ? 200_000 : 20_000;
const MOVED = ROWS / 10;
/** Some thirty starts of programs, on whatever machine. */
const TEST_MS = 600_000;
/** Besides those at syncs. */
const RANDOM_KILLS = FULL ? 6 : 2;
const SPLIT = (ROWS / 4) * 3 + 1;
const PAGE = 4096;

let root: ReturnType<typeof tempFolder>;
let disk: FaultyDisk;
let random: () => number;
const file = () => `${disk.folder}/ring.db`;

beforeAll(() => {
  root = tempFolder('killed-salvage');
  disk = new FaultyDisk(root.path);
  random = generator(7);
  fillRing(`${root.path}/whole.db`, ROWS);
  const store = new RingStore(`${root.path}/whole.db`);
  const alarm = JSON.stringify({ throughSeq: ROWS, from: 'ring' });
  store.commit(
    stateCommit([
      ['alarm', alarm],
      ['outbox', '["a text"]'],
      ['held.readings', '[[1,100]]'],
    ]),
  );
  store.close();
});
afterAll(() => root.remove());

function fresh(withRing: boolean): void {
  rmSync(disk.folder, { recursive: true });
  mkdirSync(disk.folder);
  if (withRing) copyFileSync(`${root.path}/whole.db`, file());
}

interface Run {
  /** It ended by itself. */
  finished: boolean;
  ms: number;
}

/** One process; killed after so many ms from its start (or from when it says that it is moving), or at a sync. */
async function run(task: string[], kill: { afterMs?: number; atSync?: number } = {}): Promise<Run> {
  const child: ChildProcess = spawn(process.execPath, [HOST, ...task], {
    env: { ...process.env, ...disk.env(kill.atSync) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const began = performance.now();
  const strike = () => {
    if (kill.afterMs !== undefined) setTimeout(() => child.kill('SIGKILL'), kill.afterMs);
  };
  if (task[0] === 'move') child.stdout!.once('data', strike);
  else strike();
  const code = await new Promise((resolve) => child.once('exit', resolve));
  return { finished: code === 0, ms: performance.now() - began };
}

/** Kills at each sync in turn, then at random moments; after each, starts go on and `check` looks at what there is. */
async function killEverywhere(
  task: string[],
  prepare: () => void,
  check: (killed: boolean) => void,
): Promise<number> {
  let kills = 0;
  let ms = 0;
  for (let atSync = 1; ; atSync++) {
    prepare();
    const { finished, ms: took } = await run(task, { atSync });
    ms = took;
    await settle();
    check(!finished);
    if (finished) break;
    kills += 1;
  }
  for (let i = 0; i < RANDOM_KILLS; i++) {
    prepare();
    const { finished } = await run(task, { afterMs: random() * ms });
    if (!finished && random() < 0.5) await run(['start', disk.folder], { afterMs: random() * ms });
    await settle();
    check(!finished);
    if (!finished) kills += 1;
  }
  return kills;
}

/** Two starts: the second finds nothing left to do. */
async function settle(): Promise<void> {
  expect((await run(['start', disk.folder])).finished).toBe(true);
  const names = readdirSync(disk.folder);
  expect(names.filter((name) => /\.(todo|part|new|damaged|moving)$/.test(name))).toEqual([]);
}

function ask<T>(path: string, sql: string): T[] {
  const db = new Database(path, { readonly: true });
  try {
    return db.prepare(sql).pluck().all() as T[];
  } finally {
    db.close();
  }
}
const stateOf = (path: string, key: string) =>
  JSON.parse(ask<string>(path, `SELECT value FROM state WHERE key = '${key}'`)[0] ?? 'null') as unknown;
const salvaged = () => readdirSync(disk.folder).filter((name) => /^salvage-.*\.db$/.test(name));

describe('kill -9', { timeout: TEST_MS }, () => {
  it('while a damaged ring is followed and salvaged: every row is kept or named', async () => {
    const damage = () => {
      fresh(true);
      const fd = openSync(file(), 'r+');
      writeSync(fd, Buffer.alloc(PAGE, 0xa5), 0, PAGE, Math.floor(statSync(file()).size / 2 / PAGE) * PAGE);
      closeSync(fd);
      markDamaged(file(), { why: 'a test' });
    };
    const kills = await killEverywhere(['start', disk.folder], damage, () => {
      expect(salvaged()).toHaveLength(1);
      const path = `${disk.folder}/${salvaged()[0]}`;
      const { saved, lost } = stateOf(path, REPORT) as Salvage;
      expect(ask(path, 'SELECT count(*) FROM readings')).toEqual([saved]);
      expect(lost).toHaveLength(1);
      expect(saved + lost[0]!.to! - lost[0]!.from + 1).toBe(ROWS);
      expect(stateOf(file(), 'alarm')).toMatchObject({ throughSeq: 0, from: 'ring' });
      expect(stateOf(file(), 'outbox')).toEqual(['a text']);
    });
    expect(kills).toBeGreaterThan(8);
  });

  it('while a ring that is an older copy of itself is numbered anew', async () => {
    const mark = () => {
      fresh(true);
      markDamaged(file(), { why: 'an older copy', split: { readings: SPLIT, events: 1, summaries: 1 } });
    };
    const kills = await killEverywhere(['start', disk.folder], mark, () => {
      expect(ask(file(), 'SELECT count(*) FROM readings')).toEqual([ROWS - SPLIT + 1]);
      const [path] = salvaged();
      expect(ask(`${disk.folder}/${path}`, 'SELECT max(seq) FROM readings')).toEqual([SPLIT - 1]);
      expect(ask(`${disk.folder}/${path}`, 'SELECT count(*) FROM readings')).toEqual([SPLIT - 1]);
      expect(stateOf(file(), 'alarm')).toMatchObject({ throughSeq: ROWS - SPLIT + 1 });
      expect(stateOf(file(), 'outbox')).toEqual(['a text']);
    });
    expect(kills).toBeGreaterThan(8);
  });

  it('while a ring moves from memory to the card: its rows and its alarm are both there, or neither', async () => {
    let arrived = 0;
    const kills = await killEverywhere(
      ['move', disk.folder, String(MOVED)],
      () => fresh(true),
      () => {
        const [path] = salvaged();
        const { from } = stateOf(file(), 'alarm') as { from: string };
        expect(from).toBe(path ? 'memory' : 'ring');
        expect(ask(file(), 'SELECT count(*) FROM readings')).toEqual([ROWS]);
        if (!path) return;
        arrived += 1;
        // The time for which it was in memory is no gap.
        expect(stateOf(file(), LAST_KNOWN)).toMatchObject({ boot: 'boot' });
        expect(ask(`${disk.folder}/${path}`, 'SELECT count(*) FROM readings')).toEqual([MOVED]);
      },
    );
    expect(kills).toBeGreaterThan(4);
    expect(arrived).toBeGreaterThan(1);
  });
});
