import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WAITING_MAX } from '../../agent/ring/waiting.js';
import { addRange, contains, type RangeSet } from '../../core/contract/ranges.js';
import { FaultyDisk } from '../world/faults/disk.js';
import { HostedRing } from '../world/ring/hosted-ring.js';
import { until } from '../world/run/programs.js';
import { tempFolder } from '../world/run/services.js';

let folder: ReturnType<typeof tempFolder>;
let disk: FaultyDisk;
let ring: HostedRing;
beforeEach(async () => {
  folder = tempFolder('full-memory');
  disk = new FaultyDisk(folder.path);
  ring = await HostedRing.open(`${disk.folder}/ring.db`, 1e6, disk.env());
});
afterEach(async () => {
  await ring.kill();
  folder.remove();
});

const CHUNK = 10_000;
let value = 0;
const append = (rows: number) => ring.append(Array.from({ length: rows }, () => ++value));

/** Numbers on the card, and those that gaps name. */
async function card(): Promise<{ there: RangeSet; named: RangeSet; wrong: number }> {
  await ring.close();
  const db = new Database(`${disk.folder}/ring.db`);
  const rows = db.prepare('SELECT seq, milli FROM readings ORDER BY seq').all() as {
    seq: number;
    milli: number;
  }[];
  const bodies = db.prepare('SELECT body FROM events').pluck().all() as string[];
  db.close();
  const there = rows.reduce((set, { seq }) => addRange(set, [seq, seq]), [] as RangeSet);
  const gaps = bodies.map((body) => JSON.parse(body)).filter(({ type }) => type === 'gap');
  const named = gaps.reduce((set, { gap }) => addRange(set, [gap.from, gap.to]), [] as RangeSet);
  return { there, named, wrong: rows.filter(({ seq, milli }) => seq !== milli).length };
}

it('memory that is full while the card refuses drops what the relay holds, then the oldest, and names those', async () => {
  value = 0;
  await append(10);
  await ring.durable();
  disk.behave('broken');
  const held = WAITING_MAX / 2;
  for (let n = 0; n < WAITING_MAX; n += CHUNK) await append(CHUNK);
  await ring.held([[1, held]]);
  for (let n = 0; n < WAITING_MAX; n += CHUNK) await append(CHUNK);
  disk.behave('well');
  // Rows that wait are tried seldom: it takes its time.
  await until('the card’s return', 60_000, async () => (await ring.durable()) === value);
  const { there, named, wrong } = await card();
  expect(wrong).toBe(0);
  for (let seq = 1; seq <= value; seq += 7) {
    const places = [contains(there, seq), seq > 10 && seq <= held, contains(named, seq)].filter(Boolean);
    expect(places, `row ${seq}`).toHaveLength(1);
  }
  // It goes on where it was, and a rule that catches up passes the hole.
  ring = await HostedRing.open(`${disk.folder}/ring.db`, 1e6, disk.env());
  expect(await ring.append([++value])).toBe(value);
});
