import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { salvagedFiles, unsaved } from '../../agent/ring/aside.js';
import { RingClient } from '../../agent/ring/client.js';
import { FOLLOWS, type Lost, REPORT, type Salvage, salvage } from '../../agent/ring/salvage.js';
import { rangeSetSchema } from '../../core/contract/range-schema.js';
import { missing } from '../../core/contract/ranges.js';
import type { Reading } from '../../core/reading.js';
import { timesAt } from '../../core/reading.js';
import { SystemClock } from '../../host/clock.js';
import { tempFolder } from '../world/run/services.js';

const ROWS = 5000;
const PAGE = 4096;
let folder: ReturnType<typeof tempFolder>;
let file: string;
beforeEach(() => {
  folder = tempFolder('damage');
  file = `${folder.path}/ring.db`;
});
afterEach(() => folder.remove());

const open = (path = file) =>
  RingClient.open({ file: path, boot: 'b', capacity: 1e6, flushMs: 10, clock: new SystemClock() });
const durable = (ring: RingClient) => new Promise<void>((resolve) => ring.whenKept(resolve));
const reading = (n: number): Reading => ({
  sensor: 'fridge-1',
  quantity: 'temperature',
  milli: n,
  quality: 'good',
  ...timesAt(n),
});

/** A ring with rows 1 to ROWS, of which the relay holds the first 100, and an alarm that is on. */
async function filled(): Promise<string> {
  const ring = await open();
  await ring.learn({ readings: [], events: [], summaries: [] });
  for (let n = 1; n <= ROWS; n++) ring.append(reading(n));
  ring.markHeld('readings', [[1, 100]]);
  ring.saveState('alarm', { throughSeq: ROWS, open: { x: { alert_id: 'a' } } });
  await durable(ring);
  await ring.close();
  return ring.epoch;
}

function scramble(from: number, bytes: number): void {
  const fd = openSync(file, 'r+');
  writeSync(fd, Buffer.alloc(bytes, 0xa5), 0, bytes, from);
  closeSync(fd);
}

/** What was saved of the damaged file. */
async function saved(): Promise<Salvage> {
  const path = salvage(unsaved(folder.path)[0]!);
  expect(unsaved(folder.path)).toEqual([]);
  const old = await open(path);
  await old.close();
  return old.loadState(REPORT) as Salvage;
}

/** Rows that the salvage file still has to send, by value. */
async function salvaged(epoch: string): Promise<Set<number>> {
  const [path] = salvagedFiles(folder.path);
  const old = await open(path!);
  expect(old.epoch).toBe(epoch);
  expect(old.held('readings')[0]).toEqual([1, 100]);
  const holes = rangeSetSchema.parse(old.loadState('holes.readings'));
  const there = missing(holes, [old.tail('readings'), old.head('readings')]);
  const rows = (await Promise.all(there.map((range) => old.readReadings(range)))).flat();
  await old.close();
  return new Set(rows.map((row) => row.milli));
}

describe('a damaged ring', () => {
  it('with a scrambled page: all other rows are salvaged under their own epoch and numbers', async () => {
    const epoch = await filled();
    scramble(20 * PAGE, PAGE);
    // The page is met when it is read: the file is marked, and the next start salvages.
    const damages: string[] = [];
    const met = await RingClient.open({
      file,
      boot: 'b',
      capacity: 1e6,
      flushMs: 10,
      clock: new SystemClock(),
      onDamage: (d) => damages.push(d),
    });
    await expect(met.readReadings([1, ROWS])).rejects.toThrow(/malformed/);
    expect(damages).toHaveLength(1);
    await met.close();
    const fresh = await open();
    expect(fresh.epoch).not.toBe(epoch);
    expect([fresh.head('readings'), fresh.append(reading(1))]).toEqual([0, 1]);
    const report = await saved();
    expect(report.saved).toBeGreaterThan(ROWS * 0.9);
    expect(report.lost.length).toBeGreaterThan(0);
    expect(fresh.loadState('alarm')).toEqual({ throughSeq: 0, open: { x: { alert_id: 'a' } } });
    const rows = await salvaged(epoch);
    const lost = report.lost.filter((l) => l.stream === 'readings');
    const isLost = (n: number) => lost.some((l) => l.from <= n && n <= l.to!);
    for (let n = 1; n <= ROWS; n++) expect(rows.has(n)).toBe(!isLost(n));
    await fresh.close();
  });

  it('with its last page scrambled: what is before is salvaged, and the rest named, open-ended too', async () => {
    const epoch = await filled();
    scramble(statSync(file).size - PAGE, PAGE);
    const fresh = await open();
    const { lost } = await saved();
    const rows = await salvaged(epoch);
    expect(rows.size).toBeGreaterThan(ROWS * 0.9);
    const last = Math.max(...rows);
    expect(lost).toContainEqual({ stream: 'readings', from: last + 1, to: ROWS } satisfies Lost);
    expect(lost).toContainEqual({ stream: 'readings', from: ROWS + 1 } satisfies Lost);
    await fresh.close();
  });

  it('with a destroyed header: nothing can be read, which is said, and a new ring runs', async () => {
    const epoch = await filled();
    scramble(0, PAGE);
    const fresh = await open();
    expect(fresh.epoch).not.toBe(epoch);
    expect(fresh.loadState(FOLLOWS)).toMatchObject({ epoch: null });
    expect(unsaved(folder.path)).toEqual([]);
    fresh.append(reading(1));
    await durable(fresh);
    expect(fresh.durable('readings')).toBe(1);
    await fresh.close();
  });

  it('with a torn tail: what is before the tear is salvaged', async () => {
    const epoch = await filled();
    truncateSync(file, Math.floor(statSync(file).size / 2 / PAGE) * PAGE + 1000);
    let ring = await open();
    if (ring.epoch === epoch) {
      await ring.readReadings([1, ROWS]).catch(() => {});
      await ring.close();
      ring = await open();
    }
    expect(ring.epoch).not.toBe(epoch);
    expect((await saved()).saved).toBeGreaterThan(0);
    await ring.close();
  });

  it('of zero bytes, or gone with its WAL left behind: a new epoch', async () => {
    const epoch = await filled();
    writeFileSync(file, '');
    const empty = await open();
    expect([empty.epoch === epoch, empty.head('readings')]).toEqual([false, 0]);
    for (let n = 1; n <= 10; n++) empty.append(reading(n));
    await durable(empty);
    copyFileSync(`${file}-wal`, `${folder.path}/wal`);
    await empty.close();
    rmSync(file);
    copyFileSync(`${folder.path}/wal`, `${file}-wal`);
    const again = await open();
    expect([again.epoch === empty.epoch, again.head('readings')]).toEqual([false, 0]);
    again.append(reading(1));
    await durable(again);
    await again.close();
  });

  it('that is an older copy of itself: what it has numbered again gets a new epoch, and nothing passes for held', async () => {
    const epoch = await filled();
    copyFileSync(file, `${folder.path}/copy`);
    const first = await open();
    await first.learn({ readings: [[1, 100]], events: [], summaries: [] });
    for (let n = 1; n <= 10; n++) first.append(reading(-n));
    await durable(first);
    await first.close();
    // The card is put back as it was; the relay has meanwhile heard of ten more rows.
    copyFileSync(`${folder.path}/copy`, file);
    for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true });
    const fatal: string[] = [];
    const options = { file, boot: 'b', capacity: 1e6, flushMs: 10, clock: new SystemClock() };
    const back = await RingClient.open({ ...options, onDamage: (why) => fatal.push(why) });
    expect(back.epoch).toBe(epoch);
    for (let n = 1; n <= 5; n++) back.append(reading(100_000 + n));
    await durable(back);
    const atRelay = { readings: [[1, ROWS + 10]] as const, events: [], summaries: [] };
    await expect(back.learn(atRelay)).rejects.toThrow(/older copy/);
    expect(fatal).toHaveLength(1);
    await back.close();
    const fresh = await open();
    expect(fresh.epoch).not.toBe(epoch);
    expect((await fresh.readReadings([1, 5])).map((row) => row.milli)).toEqual(
      [1, 2, 3, 4, 5].map((n) => 100_000 + n),
    );
    expect(fresh.held('readings')).toEqual([]);
    expect(fresh.loadState('alarm')).toMatchObject({ throughSeq: 0 });
    await saved();
    expect((await salvaged(epoch)).size).toBe(ROWS);
    await fresh.learn({ readings: [], events: [], summaries: [] });
    await fresh.close();
  });

  it('leaves no more than two damaged files behind', async () => {
    for (let i = 0; i < 4; i++) {
      await filled();
      scramble(0, PAGE);
      await (await open()).close();
    }
    const aside = readdirSync(folder.path).filter((name) => /aside-\d+$/.test(name));
    expect(aside).toEqual(['ring.db.aside-0003', 'ring.db.aside-0004']);
    expect(existsSync(file)).toBe(true);
  });
});
