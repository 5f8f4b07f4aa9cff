import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RingEvent } from '../../core/contract/messages.js';
import { timesAt } from '../../core/reading.js';
import { SystemClock } from '../../host/clock.js';
import { markDamaged, salvagedFiles, unsaved } from './aside.js';
import { RingClient } from './client.js';
import { salvage } from './salvage.js';

const EPOCH = 'a1b2c3d4e5f60718';
const START = Date.UTC(2026, 0, 1);
const FIRST = 501;
const LAST = 3000;
const PAGE = 4096;
const event = (n: number): RingEvent => ({
  type: 'audit',
  audit: { action: 'test', at: '2026-01-01T00:00:00Z', detail: `e${n}` },
});

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'older-'));
  file = join(folder, 'ring.db');
  writeOlder();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** As versions wrote it before there were checksums: a ring that has made room, and that a relay knows. */
function writeOlder(): void {
  const db = new Database(file);
  db.pragma('journal_mode = WAL');
  db.exec(`
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE channels (id INTEGER PRIMARY KEY, sensor TEXT NOT NULL, quantity TEXT NOT NULL);
    CREATE TABLE segments (id INTEGER PRIMARY KEY, boot TEXT NOT NULL, wall_offset INTEGER NOT NULL,
      timeline_offset INTEGER NOT NULL, synchronised INTEGER NOT NULL);
    CREATE TABLE readings (seq INTEGER PRIMARY KEY, channel INTEGER NOT NULL, segment INTEGER NOT NULL,
      mono INTEGER NOT NULL, device_ms INTEGER, milli INTEGER NOT NULL, quality INTEGER NOT NULL);
    CREATE TABLE events (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
    CREATE TABLE summaries (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
    CREATE TABLE receipt_groups (n INTEGER PRIMARY KEY, pairs BLOB NOT NULL);
    CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    INSERT INTO meta VALUES ('epoch', '${EPOCH}');
    INSERT INTO channels VALUES (1, 'fridge-1', 'temperature');
    INSERT INTO segments VALUES (1, 'older-boot', ${START}, ${START}, 1);
    INSERT INTO state VALUES ('alarm', '{"throughSeq":${LAST},"open":"one"}'), ('held.readings', '[[1,600]]');
  `);
  const reading = db.prepare('INSERT INTO readings VALUES (?, 1, 1, ?, NULL, ?, 0)');
  const body = db.prepare('INSERT INTO events VALUES (?, ?)');
  db.transaction(() => {
    for (let seq = FIRST; seq <= LAST; seq++) reading.run(seq, seq * 1000, 4000 + seq);
    for (let seq = 1; seq <= 3; seq++) body.run(seq, JSON.stringify(event(seq)));
    db.prepare('INSERT INTO receipt_groups VALUES (1, ?)').run(Buffer.from(new Float64Array([7, 99]).buffer));
  })();
  db.close();
}

const open = (path = file, more: object = {}) =>
  RingClient.open({
    file: path,
    boot: 'boot',
    capacity: 1e6,
    flushMs: 5,
    clock: new SystemClock(),
    onDamage: (why) => expect.fail(why),
    ...more,
  });

describe('a ring’s file of a version without checksums', () => {
  it('is opened with all that it holds, and goes on', async () => {
    const ring = await open();
    expect(ring.epoch).toBe(EPOCH);
    expect([ring.tail('readings'), ring.head('readings'), ring.head('events')]).toEqual([FIRST, LAST, 3]);
    const rows = await ring.readReadings([FIRST, LAST]);
    expect(rows.map(({ milli }) => milli)).toEqual(rows.map((_, i) => 4000 + FIRST + i));
    expect(rows[0]!.measuredAt).toBe(START + FIRST * 1000);
    expect(await ring.readEvents([1, 3])).toEqual([1, 2, 3].map(event));
    expect(ring.loadState('alarm')).toEqual({ throughSeq: LAST, open: 'one' });
    expect([...ring.receipts()]).toEqual([7, 99]);
    expect(ring.held('readings')).toEqual([[1, 600]]);
    expect(ring.before).toEqual({ measuredAt: START + LAST * 1000, boot: 'older-boot' });
    const times = timesAt(1);
    ring.append({ sensor: 'fridge-1', quantity: 'temperature', milli: 1, quality: 'good', ...times });
    await ring.close();

    const again = await open();
    expect((await again.readReadings([LAST, LAST + 1])).map(({ milli }) => milli)).toEqual([4000 + LAST, 1]);
    expect((await again.replay(LAST - 1, 5)).map(({ seq }) => seq)).toEqual([LAST, LAST + 1]);
    await again.close();
  });

  it('is salvaged when it is damaged, before or after it was taken over', async () => {
    for (const takenOver of [false, true]) {
      rmSync(folder, { recursive: true });
      folder = mkdtempSync(join(tmpdir(), 'older-'));
      file = join(folder, 'ring.db');
      writeOlder();
      if (takenOver) await (await open()).close();
      const pages = new Database(file).pragma('page_count', { simple: true }) as number;
      const fd = openSync(file, 'r+');
      writeSync(fd, Buffer.alloc(PAGE, 0xa5), 0, PAGE, Math.floor(pages / 2) * PAGE);
      closeSync(fd);
      markDamaged(file, { why: 'a test' });
      const next = await open();
      expect(next.loadState('alarm')).toEqual({ throughSeq: 0, open: 'one' });
      await next.close();
      for (const aside of unsaved(folder)) salvage(aside);
      const [path] = salvagedFiles(folder);
      const old = await open(path, { finished: true });
      expect(old.epoch).toBe(EPOCH);
      const lost = old.held('readings').filter(([from]) => from > 600);
      const [[from, to]] = lost as [[number, number]];
      expect(to - from).toBeLessThan(400);
      const rows = [
        ...(await old.readReadings([FIRST, from - 1])),
        ...(await old.readReadings([to + 1, LAST])),
      ];
      expect(rows).toHaveLength(LAST - FIRST + 1 - (to - from + 1));
      for (const { milli, measuredAt } of rows) expect(milli - 4000).toBe((measuredAt - START) / 1000);
      await old.close();
    }
  });
});
