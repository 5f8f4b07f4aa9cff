import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asMono, asWall } from '../../core/clock/clock.js';
import { SimulatedClock } from '../../core/clock/simulated.js';
import type { RingEvent } from '../../core/contract/messages.js';
import type { Reading } from '../../core/reading.js';
import { timesAt } from '../../core/reading.js';
import { SystemClock } from '../../host/clock.js';
import { salvagedFiles, unsaved } from './aside.js';
import { RingClient } from './client.js';
import { salvage } from './salvage.js';
import { openSegments, type Segment } from './segments.js';
import { sumOf } from './sums.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ring-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (more: object = {}) =>
  RingClient.open({
    file: join(folder, 'ring.db'),
    boot: 'boot-1',
    capacity: 100_000,
    flushMs: 20,
    clock: new SystemClock(),
    ...more,
  });

const reading = (milli: number, more: Partial<Reading> = {}): Reading => ({
  sensor: 'fridge-1',
  quantity: 'temperature',
  milli,
  quality: 'good',
  ...timesAt(0),
  monoMs: asMono(milli),
  ...more,
});
const durable = (ring: RingClient) => new Promise<void>((resolve) => ring.whenKept(resolve));
const audit = (detail: string): RingEvent => ({
  type: 'audit',
  audit: { action: 'test', at: '2026-01-01T00:00:00Z', detail },
});

describe('the ring', () => {
  it('numbers both streams from 1, and goes on where it stopped', async () => {
    const first = await open();
    expect([first.append(reading(1)), first.append(reading(2)), first.appendEvent(audit('a'))]).toEqual([
      1, 2, 1,
    ]);
    await first.close();
    const second = await open();
    expect(second.epoch).toBe(first.epoch);
    expect(second.append(reading(3))).toBe(3);
    await durable(second);
    const rows = await second.readReadings([1, 3]);
    expect(rows.map((row) => row.milli)).toEqual([1, 2, 3]);
    expect(await second.readEvents([1, 1])).toEqual([audit('a')]);
    await second.close();
  });

  it('keeps quality, reason and the device’s own time', async () => {
    const ring = await open();
    const at = Date.UTC(2023, 3, 17, 16, 21);
    ring.append(reading(85_000, { quality: 'bad', reason: 'power_on_value' }));
    ring.append(reading(5000, { deviceMs: asWall(at) }));
    await durable(ring);
    const [first, second] = await ring.replay(0, 10);
    expect(first!.reading).toMatchObject({ quality: 'bad', reason: 'power_on_value' });
    expect(second!.reading).toMatchObject({ deviceMs: at, atMs: at });
    expect((await ring.readReadings([2, 2]))[0]!.measuredAt).toBe(at);
    await ring.close();
  });

  it('makes state durable together with the rows before it', async () => {
    const ring = await open();
    ring.append(reading(1));
    ring.saveState('alarm', { through: 1 });
    ring.appendEvent(audit('x'));
    await durable(ring);
    await ring.close();
    const again = await open();
    expect(again.loadState('alarm')).toEqual({ through: 1 });
    expect([again.durable('readings'), again.durable('events')]).toEqual([1, 1]);
    await again.close();
  });

  it('calls back only once what was appended is on the card', async () => {
    const ring = await open({ flushMs: 5000 });
    ring.append(reading(1));
    let called = false;
    ring.whenKept(() => {
      called = ring.durable('readings') === 1;
    });
    expect(called).toBe(false);
    ring.appendEvent(audit('now'));
    await durable(ring);
    expect(called).toBe(true);
    await ring.close();
  });

  it('when full, sums up the oldest that were never sent, and names them in a gap', async () => {
    let said = 0;
    const onFull = () => {
      said += 1;
    };
    const ring = await open({ capacity: 2000, onFull });
    for (let i = 1; i <= 1500; i++) ring.append(reading(i));
    await durable(ring);
    ring.markHeld('readings', [[1, 900]]);
    expect(said).toBe(0);
    for (let i = 1501; i <= 4000; i++) {
      ring.append(reading(i));
      if (i % 500 === 0) await durable(ring);
    }
    await durable(ring);
    ring.append(reading(4001));
    await durable(ring);
    expect(ring.stats().rows).toBeLessThanOrEqual(2300);
    expect(said).toBe(1);
    const tail = ring.tail('readings');
    const events = await ring.readEvents([1, ring.durable('events')]);
    const gaps = events.flatMap((event) => (event.type === 'gap' ? [event.gap] : []));
    expect(gaps[0]).toMatchObject({ reason: 'thinned', from: 901 });
    expect(gaps.at(-1)!.to).toBe(tail - 1);
    gaps.slice(1).forEach((gap, i) => {
      expect(gap.from).toBe(gaps[i]!.to! + 1);
    });
    expect((await ring.readReadings([tail, tail]))[0]!.milli).toBe(tail);
    const summaries = await ring.readSummaries([1, ring.durable('summaries')]);
    expect(summaries.reduce((sum, { count }) => sum + count, 0)).toBe(tail - 901);
    expect(summaries[0]).toMatchObject({ sensor: 'fridge-1', min: 901 });
    expect(summaries.at(-1)!.max).toBe(tail - 1);
    await ring.close();
    const again = await open({ capacity: 2000 });
    expect(again.tail('readings')).toBe(tail);
    await again.close();
  });

  it('remembers what the relay holds', async () => {
    const ring = await open();
    ring.append(reading(1));
    ring.markHeld('readings', [[1, 1]]);
    await durable(ring);
    await ring.close();
    const again = await open();
    expect(again.held('readings')).toEqual([[1, 1]]);
    await again.close();
  });
});

/** A gateway's clock: runs with the machine's, but what the wall shows, and whether it is set, is the test's. */
class ShiftedClock extends SystemClock {
  shift = Date.UTC(2000, 0, 1) - Date.now();
  set = false;
  override wall() {
    return (super.wall() + this.shift) as ReturnType<SystemClock['wall']>;
  }
  override synchronised() {
    return this.set;
  }
}

describe('a gateway without a battery clock', () => {
  it('holds back rows until the clock is set, and then dates all of the boot by it', async () => {
    const clock = new ShiftedClock();
    const ring = await open({ clock });
    const take = () => ring.append(reading(1, { monoMs: clock.mono() }));
    take();
    await durable(ring);
    expect([ring.durable('readings'), ring.sendable('readings')]).toEqual([1, 0]);
    expect((await ring.readReadings([1, 1]))[0]!.estimated).toBe(true);
    clock.shift = 0;
    clock.set = true;
    take();
    await durable(ring);
    expect(ring.sendable('readings')).toBe(2);
    for (const row of await ring.readReadings([1, 2])) {
      expect(row.estimated).toBe(false);
      expect(Math.abs(row.measuredAt - Date.now())).toBeLessThan(5000);
    }
    await ring.close();
  });

  it('sends a boot that never saw a set clock as estimated, never dated before what came earlier', async () => {
    const good = await open({ boot: 'first' });
    good.append(reading(1, { monoMs: new SystemClock().mono() }));
    await good.close();
    const clock = new ShiftedClock();
    const dark = await open({ boot: 'second', clock });
    dark.append(reading(2, { monoMs: clock.mono() }));
    await dark.close();
    const later = await open({ boot: 'third' });
    expect(later.sendable('readings')).toBe(2);
    const [first, second] = await later.readReadings([1, 2]);
    expect([first!.estimated, second!.estimated]).toEqual([false, true]);
    expect(second!.measuredAt).toBeGreaterThanOrEqual(first!.measuredAt);
    await later.close();
  });
});

describe('numbers that another program has given out beside this one', () => {
  const rowsOf = async (file: string) => {
    const ring = await open({ file, finished: true });
    const rows = await ring.readReadings([ring.tail('readings'), ring.durable('readings')]);
    await ring.close();
    return { epoch: ring.epoch, milli: rows.map((row) => row.milli) };
  };

  it('cost no row: both are forwarded, ours under an epoch of their own', async () => {
    let damage = 0;
    const ring = await open({ onDamage: () => (damage += 1) });
    ring.append(reading(1));
    ring.saveState('alarm', { throughSeq: 1, open: 'one' });
    await durable(ring);
    const beside = new Database(join(folder, 'ring.db'));
    const row = [2, 1, 1, 77, null, 77, 0];
    beside
      .prepare('INSERT INTO readings VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
      .run(...row, sumOf('readings', row));
    beside.close();
    ring.append(reading(2));
    ring.append(reading(3, { sensor: 'fridge-2' }));
    ring.saveState('alarm', { throughSeq: 3, open: 'two' });
    ring.markHeld('readings', [[1, 3]]);
    ring.appendEvent(audit('a'));
    ring.append(reading(4));
    await expect.poll(() => damage).toBe(1);
    await ring.close();

    const next = await open();
    expect(next.epoch).not.toBe(ring.epoch);
    expect(next.loadState('alarm')).toEqual({ throughSeq: 0, open: 'two' });
    expect(next.before).toMatchObject({ boot: 'boot-1' });
    await next.close();
    for (const aside of unsaved(folder)) salvage(aside);
    const files = await Promise.all(salvagedFiles(folder).map(rowsOf));
    expect(files).toHaveLength(2);
    expect(files.find(({ epoch }) => epoch === ring.epoch)!.milli).toEqual([1, 77]);
    expect(files.find(({ epoch }) => epoch !== ring.epoch)!.milli.slice(0, 2)).toEqual([2, 3]);
  });
});

describe('timelines and boots', () => {
  const segmentsOf = (clock: SimulatedClock, boot: string, known: Segment[], last: number | null) => {
    const segments = openSegments(clock, boot, known, last);
    return { segments, take: () => segments.current((fresh) => known.push(fresh)) };
  };

  it('go on across a process restart in the same boot as if nothing had happened', () => {
    const clock = new SimulatedClock(Date.UTC(2026, 0, 1), 5000);
    const known: Segment[] = [];
    const first = segmentsOf(clock, 'a', known, null);
    first.take();
    const before = first.segments.timeline();
    const second = segmentsOf(clock, 'a', known, before - 3000);
    expect(second.segments.timeline()).toBe(before);
    expect(second.take()).toBe(1);
  });

  it('count a power cut when the clock is trusted, and never go back when it is not', () => {
    const known: Segment[] = [];
    const last = Date.UTC(2026, 0, 1);
    const trusted = new SimulatedClock(last + 3_600_000, 10);
    expect(segmentsOf(trusted, 'b', known, last).segments.timeline()).toBe(last + 3_600_000);
    const wrong = new SimulatedClock(0, 10);
    wrong.setWall(Date.UTC(2000, 0, 1), false);
    expect(segmentsOf(wrong, 'c', known, last).segments.timeline()).toBeGreaterThan(last);
  });

  it('open a new segment when the clock is set, and only then', () => {
    const clock = new SimulatedClock(0, 0);
    clock.setWall(0, false);
    const known: Segment[] = [];
    const { take } = segmentsOf(clock, 'a', known, null);
    expect([take(), take()]).toEqual([1, 1]);
    clock.setWall(Date.UTC(2026, 0, 1), true);
    expect([take(), take()]).toEqual([2, 2]);
    expect(known.map((s) => s.synchronised)).toEqual([false, true]);
  });
});
