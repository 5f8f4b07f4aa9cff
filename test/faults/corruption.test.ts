import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { salvagedFiles, unsaved } from '../../agent/ring/aside.js';
import { RingClient } from '../../agent/ring/client.js';
import { FOLLOWS, type Follows, type Lost, REPORT, type Salvage, salvage } from '../../agent/ring/salvage.js';
import { missing } from '../../core/contract/ranges.js';
import { ColdwatchError } from '../../core/errors.js';
import { generator } from '../../core/random.js';
import { timesAt } from '../../core/reading.js';
import { STREAMS, type Stream } from '../../core/stream.js';
import { SystemClock } from '../../host/clock.js';
import { tempFolder } from '../world/run/services.js';

/*
 * A card that changes what is on it: seeded damage of many kinds to a ring's file, and then what an agent does with
 * it. Nothing may come out with another value than it went in with, and what does not come out must be named.
 */
/** Of each kind of damage: to bytes, which may lie anywhere, and to rows. FULL=1 takes twice as many. */
const SEEDS = process.env.FULL === '1' ? { anywhere: 18, rows: 7 } : { anywhere: 9, rows: 4 };
const RUNS_MIN = 100;
const ROWS = 2000;
const EVENTS = 60;
const HELD = 100;
const SENSORS = 5;
const BATCH = 300;
/** Starts until a ring runs through: the first meets the damage, the second follows, the third is for salvage files. */
const STARTS_MAX = 4;
const PAGE = 4096;
const SECTOR = 512;

let folder: ReturnType<typeof tempFolder>;
let epoch: string;
/** What went in, as JSON by stream and seq. */
const truth = new Map<string, string>();
const clock = new SystemClock();

const open = (file: string, more: object = {}) =>
  RingClient.open({ file, boot: 'b', capacity: 1e6, flushMs: 10, clock, ...more });
const durable = (ring: RingClient) => new Promise<void>((resolve) => ring.whenKept(resolve));
const read = (ring: RingClient, stream: Stream, range: readonly [number, number]): Promise<unknown[]> =>
  stream === 'readings'
    ? ring.readReadings(range)
    : stream === 'events'
      ? ring.readEvents(range)
      : ring.readSummaries(range);

beforeAll(async () => {
  folder = tempFolder('corruption');
  mkdirSync(`${folder.path}/data`);
  const ring = await open(`${folder.path}/whole.db`);
  epoch = ring.epoch;
  await ring.learn({ readings: [], events: [], summaries: [] });
  for (let n = 1; n <= ROWS; n++) {
    const times = timesAt(n * 1000);
    const milli = 4000 + ((n * 37) % 500);
    ring.append({
      sensor: `fridge-${n % SENSORS}`,
      quantity: 'temperature',
      milli,
      quality: 'good',
      ...times,
    });
    if (n % Math.floor(ROWS / EVENTS) === 0) {
      ring.appendEvent({
        type: 'audit',
        audit: { action: 'test', at: '2026-01-01T00:00:00Z', detail: `e${n}` },
      });
    }
    if (n % 50 === 0) await durable(ring);
    if (n === ROWS / 2) keepEarlier();
  }
  ring.markHeld('readings', [[1, HELD]]);
  ring.saveState('alarm', { throughSeq: ROWS, open: { x: { alert_id: 'a' } } });
  ring.saveState('outbox', [{ to: 'nurse' }]);
  await durable(ring);
  for (const stream of STREAMS) {
    const head = ring.head(stream);
    if (head === 0) continue;
    (await read(ring, stream, [1, head])).forEach((row, i) => {
      truth.set(`${stream}/${i + 1}`, JSON.stringify(row));
    });
  }
  await ring.close();
  expect(truth.size).toBeGreaterThan(ROWS + 50);
});
afterAll(() => folder.remove());

function keepEarlier(): void {
  const db = new Database(`${folder.path}/whole.db`);
  db.pragma('wal_checkpoint(FULL)');
  db.close();
  copyFileSync(`${folder.path}/whole.db`, `${folder.path}/earlier.db`);
}

type Damage = (file: string, random: () => number) => void;

const below = (random: () => number, n: number) => Math.floor(random() * n);
const bytesOf = (change: (bytes: Buffer, random: () => number) => void): Damage => {
  return (file, random) => {
    const bytes = readFileSync(file);
    change(bytes, random);
    writeFileSync(file, bytes);
  };
};
const sql = (statement: (random: () => number) => string): Damage => {
  return (file, random) => {
    const db = new Database(file);
    const { changes } = db.prepare(statement(random)).run();
    db.close();
    expect(changes).toBeGreaterThan(0);
  };
};
const anyRow = (random: () => number) => HELD + 1 + below(random, ROWS - HELD);
const pagesOf = (bytes: Buffer) => bytes.length / PAGE;
const page = (bytes: Buffer, n: number) => bytes.subarray(n * PAGE, (n + 1) * PAGE);

/** Bytes that may lie anywhere. */
const ANYWHERE: Record<string, Damage> = {
  'a byte': bytesOf((bytes, random) => {
    bytes[below(random, bytes.length)]! ^= 1 + below(random, 255);
  }),
  'a run of bytes': bytesOf((bytes, random) => {
    const at = below(random, bytes.length - 64);
    for (let i = 0; i < 1 + below(random, 64); i++) bytes[at + i] = below(random, 256);
  }),
  'a few bytes here and there': bytesOf((bytes, random) => {
    for (let i = 0; i < 8; i++) bytes[below(random, bytes.length)] = below(random, 256);
  }),
  'a sector of zeros': bytesOf((bytes, random) => {
    const at = below(random, bytes.length / SECTOR) * SECTOR;
    bytes.fill(0, at, at + SECTOR);
  }),
  'a page of noise': bytesOf((bytes, random) => {
    const target = page(bytes, below(random, pagesOf(bytes)));
    for (let i = 0; i < PAGE; i++) target[i] = below(random, 256);
  }),
  'a page in the place of another': bytesOf((bytes, random) => {
    const from = page(bytes, 1 + below(random, pagesOf(bytes) - 1));
    from.copy(page(bytes, 1 + below(random, pagesOf(bytes) - 1)));
  }),
  'two pages changed over': bytesOf((bytes, random) => {
    const [a, b] = [1 + below(random, pagesOf(bytes) - 1), 1 + below(random, pagesOf(bytes) - 1)];
    const kept = Buffer.from(page(bytes, a));
    page(bytes, b).copy(page(bytes, a));
    kept.copy(page(bytes, b));
  }),
  'a page as it was before': (file, random) => {
    const [bytes, earlier] = [readFileSync(file), readFileSync(`${folder.path}/earlier.db`)];
    const n = 1 + below(random, pagesOf(earlier) - 1);
    page(earlier, n).copy(page(bytes, n));
    writeFileSync(file, bytes);
  },
  'a torn tail': (file, random) => truncateSync(file, below(random, statSync(file).size)),
};

/** Rows, of any number. */
const SOME_ROWS: Record<string, Damage> = {
  'another segment': sql((random) => `UPDATE readings SET segment = 77 WHERE seq = ${anyRow(random)}`),
  'another value': sql((random) => `UPDATE readings SET milli = milli + 1 WHERE seq = ${anyRow(random)}`),
  'another channel': sql(
    (random) =>
      `UPDATE readings SET channel = 6 - channel, sum = sum WHERE seq BETWEEN ${anyRow(random)} AND ${ROWS}`,
  ),
  'rows gone': sql(
    (random) => `DELETE FROM readings WHERE seq BETWEEN ${anyRow(random) - 20} AND ${ROWS - 30}`,
  ),
  'the last rows gone': sql((random) => `DELETE FROM readings WHERE seq > ${ROWS - 1 - below(random, 200)}`),
  'the first rows gone': sql(
    (random) => `DELETE FROM readings WHERE seq <= ${HELD + 1 + below(random, 200)}`,
  ),
  'another text': sql(
    (random) => `UPDATE events SET body = replace(body, 'test', 'tost') WHERE seq = ${1 + below(random, 50)}`,
  ),
};

/** Always the same. */
const SAME: Record<string, Damage> = {
  'another name': sql(() => "UPDATE channels SET sensor = 'fridge-9' WHERE id = 2"),
  'another clock': sql(() => 'UPDATE segments SET wall_offset = wall_offset + 3600000'),
  'events gone': sql(() => 'DELETE FROM events WHERE seq > 30'),
  'another state': sql(() => "UPDATE state SET value = replace(value, '\"a\"', '\"b\"') WHERE key = 'alarm'"),
  'another epoch': sql(() => "UPDATE meta SET value = '0123456789abcdef' WHERE key = 'epoch'"),
};

/** What an agent's starts make of a file: rows as JSON by stream and seq, and what was named. */
class Outcome {
  readonly rows = new Map<string, string>();
  readonly lost: Lost[] = [];
  nothing = false;
  starts = 0;
  carried: unknown;

  async run(file: string): Promise<void> {
    for (let calm = false; !calm; ) {
      expect(++this.starts, 'starts').toBeLessThanOrEqual(STARTS_MAX);
      calm = await this.#start(file);
    }
  }

  /** Whether all that there is could be read. */
  async #start(file: string): Promise<boolean> {
    let met = false;
    const onDamage = () => {
      met = true;
    };
    const ring = await open(file, { onDamage, onLost: this.#lose });
    const follows = ring.loadState(FOLLOWS) as Follows | undefined;
    if (follows) this.nothing ||= follows.epoch === null;
    ring.saveState(FOLLOWS, null);
    this.carried = ring.loadState('alarm');
    // As the alarm's start does: it must not fail, whatever is there.
    for (let from = 0; from < ring.durable('readings'); from += BATCH) {
      for (const { seq, reading } of await ring.replay(from, BATCH).catch(() => [])) {
        const row = JSON.parse(truth.get(`readings/${seq}`) ?? 'null') as {
          milli: number;
          sensor: string;
        } | null;
        if (ring.epoch === epoch && row)
          expect(reading).toMatchObject({ milli: row.milli, sensor: row.sensor });
      }
    }
    if (ring.epoch === epoch) await this.#drain(ring, () => met);
    // A new ring guards and counts.
    ring.append({
      sensor: 'fridge-0',
      quantity: 'temperature',
      milli: 1,
      quality: 'good',
      ...timesAt(1),
    });
    await ring.close();
    for (const aside of unsaved(`${folder.path}/data`)) salvage(aside);
    for (const path of salvagedFiles(`${folder.path}/data`)) await this.#salvaged(path);
    return !met;
  }

  async #salvaged(path: string): Promise<void> {
    const old = await open(path, { finished: true, onLost: this.#lose });
    if (old.epoch !== epoch) {
      // What was measured when numbers turned out to be taken, by a page in a wrong place.
      await old.close();
      return rmSync(path);
    }
    this.lost.push(...(old.loadState(REPORT) as Salvage).lost);
    await this.#drain(old, () => false);
    await old.close();
    rmSync(path);
  }

  #lose = (stream: Stream, rows: readonly (readonly [number, number])[]) => {
    for (const [from, to] of rows) this.lost.push({ stream, from, to });
  };

  async #drain(ring: RingClient, met: () => boolean): Promise<void> {
    for (const stream of STREAMS) {
      for (let from = ring.tail(stream); from <= ring.durable(stream) && !met(); ) {
        const to = Math.min(ring.durable(stream), from + BATCH - 1);
        const [next] = missing(ring.held(stream), [from, to]);
        if (!next) {
          from = to + 1;
          continue;
        }
        try {
          (await read(ring, stream, next)).forEach((row, i) => {
            this.rows.set(`${stream}/${next[0] + i}`, JSON.stringify(row));
          });
          from = next[1] + 1;
        } catch (error) {
          if (!(error instanceof ColdwatchError && error.code === 'ring.rows_lost')) return;
        }
      }
    }
  }

  isNamed(stream: Stream, seq: number): boolean {
    return (
      this.nothing || this.lost.some((l) => l.stream === stream && l.from <= seq && seq <= (l.to ?? seq))
    );
  }
}

describe('a ring’s file that a card has changed', () => {
  const of = (damages: Record<string, Damage>, seeds: number) =>
    Object.entries(damages).map(([name, damage]) => ({ name, damage, seeds }));
  const kinds = [...of(ANYWHERE, SEEDS.anywhere), ...of(SOME_ROWS, SEEDS.rows), ...of(SAME, 1)];
  let runs = 0;
  let lostRows = 0;
  let unchanged = 0;
  for (const [n, { name, damage, seeds }] of kinds.entries()) {
    it(`${name}: no value comes out changed, what is lost is named, and the next starts run (${seeds} seeds)`, async () => {
      for (let seed = n * 1000; seed < n * 1000 + seeds; seed++) {
        rmSync(`${folder.path}/data`, { recursive: true });
        mkdirSync(`${folder.path}/data`);
        const file = `${folder.path}/data/ring.db`;
        copyFileSync(`${folder.path}/whole.db`, file);
        damage(file, generator(seed));
        const outcome = new Outcome();
        runs += 1;
        await outcome.run(file);
        const saw = `${name}, seed ${seed}`;
        let missed = 0;
        for (const [id, row] of outcome.rows) {
          // What the new ring, or an agent that went on with this one, has added is its own.
          const wanted = truth.get(id);
          if (wanted !== undefined && wanted !== row)
            expect.fail(`${saw}: ${id} came out as ${row}, was ${wanted}`);
        }
        for (const id of truth.keys()) {
          if (outcome.rows.has(id)) continue;
          missed += 1;
          const [stream, seq] = id.split('/') as [Stream, string];
          const held = stream === 'readings' && Number(seq) <= HELD;
          if (!held && !outcome.isNamed(stream, Number(seq)))
            expect.fail(`${saw}: ${id} is lost and not named`);
        }
        lostRows += missed;
        if (missed === 0) unchanged += 1;
        if (outcome.carried !== undefined)
          expect(outcome.carried, saw).toMatchObject({ open: { x: { alert_id: 'a' } } });
      }
    });
  }

  it('was really damaged', () => {
    expect(runs).toBeGreaterThanOrEqual(RUNS_MIN);
    expect(lostRows).toBeGreaterThan(runs * 10);
    expect(unchanged).toBeLessThan(runs / 2);
  });
});
