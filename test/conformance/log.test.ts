import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATA_TOPICS } from '../../core/contract/messages.js';
import { RANGES_MAX } from '../../core/contract/ranges.js';
import { EPOCH_RECENT_MS, EPOCHS_MAX } from '../../relay/log/epochs.js';
import type { Hole, Log, Position, StoredRecord } from '../../relay/log/port.js';
import { type Bench, batch, clock, embedded, fresh, kafka, record } from '../world/run/log-bench.js';
import { until } from '../world/run/programs.js';

/** One suite, both logs. */
describe.each([
  ['embedded', embedded],
  ['kafka', kafka],
])('the %s log', (_name, start) => {
  let bench: Bench;
  let log: Log;
  beforeAll(async () => {
    bench = await start();
    log = await bench.open();
  });
  afterAll(async () => {
    await log.close();
    await bench.close();
  });

  /** All seqs of a gateway that a reader sees, in order of arrival. */
  async function seqsOf(gateway: string, atLeast: number): Promise<number[]> {
    const seen: StoredRecord[] = [];
    const tail = await log.tail(DATA_TOPICS, Date.now() - 3_600_000, (records) => void seen.push(...records));
    const mine = () => seen.filter((r) => r.headers.gateway === gateway).map((r) => Number(r.headers.seq));
    await until(`${atLeast} records of ${gateway}`, 30_000, () => mine().length >= atLeast);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await tail.stop();
    return mine();
  }

  it('answers with what it holds, and a reader sees each record once', async () => {
    const id = fresh();
    expect(await log.append(batch(id, 1, 10))).toEqual([[1, 10]]);
    expect(await log.append(batch(id, 11, 20))).toEqual([[1, 20]]);
    expect(await log.progress(id.gateway)).toEqual([
      { epoch: id.epoch, stream: 'readings', held: [[1, 20]] },
    ]);
    expect((await seqsOf(id.gateway, 20)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
  });

  it('takes a repeated, an overlapping and an out-of-order range without a second copy', async () => {
    const id = fresh();
    await log.append(batch(id, 101, 110));
    expect(await log.append(batch(id, 1, 5))).toEqual([
      [1, 5],
      [101, 110],
    ]);
    await log.append(batch(id, 101, 110));
    expect(await log.append(batch(id, 3, 105))).toEqual([[1, 110]]);
    expect((await seqsOf(id.gateway, 110)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 110 }, (_, i) => i + 1),
    );
  });

  it('takes the same range sent twice at the same moment once', async () => {
    const id = fresh();
    const answers = await Promise.all(Array.from({ length: 5 }, () => log.append(batch(id, 1, 50))));
    expect(answers).toEqual(Array(5).fill([[1, 50]]));
    expect(await seqsOf(id.gateway, 50)).toHaveLength(50);
  });

  it('keeps gateways, epochs and streams apart', async () => {
    const [a, b] = [fresh(), fresh()];
    const later = { gateway: a.gateway, epoch: 'ffff000000000000' };
    await Promise.all([
      log.append(batch(a, 1, 3)),
      log.append(batch(b, 1, 4)),
      log.append(batch(later, 1, 2)),
    ]);
    await log.append({ ...batch(a, 1, 1), stream: 'events' });
    expect((await log.progress(b.gateway)).map((p) => p.held)).toEqual([[[1, 4]]]);
    const ofA = new Map((await log.progress(a.gateway)).map((p) => [`${p.epoch}/${p.stream}`, p.held]));
    expect(ofA.get(`${a.epoch}/readings`)).toEqual([[1, 3]]);
    expect(ofA.get(`${a.epoch}/events`)).toEqual([[1, 1]]);
    expect(ofA.get(`${later.epoch}/readings`)).toEqual([[1, 2]]);
  });

  it('knows after a restart what it held before', async () => {
    const id = fresh();
    await log.append(batch(id, 1, 30));
    await log.close();
    log = await bench.open();
    expect((await log.progress(id.gateway)).map((p) => p.held)).toEqual([[[1, 30]]]);
    expect(await log.append(batch(id, 21, 40))).toEqual([[1, 40]]);
    expect(await seqsOf(id.gateway, 40)).toHaveLength(40);
  });

  it('takes readings of clocks that are years off like any others', async () => {
    const id = fresh();
    const years = [-20, -1, 1, 10, 100].map((n) => Date.now() + n * 365 * 86_400_000);
    const records = years.map((timestamp, i) => ({ ...record(id.gateway, i + 1), timestamp }));
    await log.append({ ...id, stream: 'readings', from: 1, records });
    expect((await seqsOf(id.gateway, 5)).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
  });

  it('takes the next batch of whoever it has just answered, again and again', async () => {
    const id = fresh();
    for (let from = 1; from <= 200; from += 10) await log.append(batch(id, from, from + 9));
    expect((await log.progress(id.gateway)).map((p) => p.held)).toEqual([[[1, 200]]]);
  });

  it('refuses holes without end', async () => {
    const id = fresh();
    const refused = { code: 'wire.invalid', retry: false };
    // Far too many at the same moment: as many are taken as can be remembered.
    const holes = Array.from({ length: RANGES_MAX + 50 }, (_, n) => batch(id, 10 + n * 2, 10 + n * 2));
    const results = await Promise.allSettled(holes.map((hole) => log.append(hole)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(RANGES_MAX);
    await expect(log.append(batch(id, 90_001, 90_001))).rejects.toMatchObject(refused);
    expect((await log.append(batch(id, 9, 9))).length).toBe(RANGES_MAX);
  });

  it('closes the ring that was silent longest for the 101st, and takes nothing of it twice', async () => {
    const id = fresh();
    const ring = (n: number) => ({ ...id, epoch: n.toString(16).padStart(16, 'e') });
    const returned = { gateway: id.gateway, epoch: 'ffff000000000000' };
    await log.append(batch(id, 1, 5));
    await log.append(batch(returned, 1, 5));
    expect(await log.append(batch(id, 4, 8))).toEqual([[1, 8]]);
    await Promise.all(Array.from({ length: EPOCHS_MAX - 2 }, (_, n) => log.append(batch(ring(n), 1, 1))));
    // All of them were heard of within the hour: none may be closed.
    await expect(log.append(batch(ring(EPOCHS_MAX), 1, 1))).rejects.toMatchObject({ retry: true });
    clock.aheadMs = EPOCH_RECENT_MS + 60_000;
    try {
      await log.append(batch(returned, 6, 6));
      expect(await log.append(batch(ring(EPOCHS_MAX), 1, 1))).toEqual([[1, 1]]);
      const known = async () => new Set((await log.progress(id.gateway)).map((p) => p.epoch));
      expect(await known()).toContain(returned.epoch);
      const closed = [id, ...Array.from({ length: EPOCHS_MAX - 2 }, (_, n) => ring(n))];
      const still = await known();
      const gone = closed.filter(({ epoch }) => !still.has(epoch));
      expect(gone).toHaveLength(1);
      // After a restart, too, a ring that was closed is known as closed.
      await log.close();
      log = await bench.open();
      await expect(log.append(batch(gone[0]!, 1, 3))).rejects.toMatchObject({
        code: 'wire.invalid',
        retry: false,
      });
      expect((await known()).size).toBe(EPOCHS_MAX);
    } finally {
      clock.aheadMs = 0;
    }
  });

  it('keeps for good what a key of iot.sensors says now, and hands on what was taken back', async () => {
    const id = fresh();
    const said = (sensor: string, value: string) => ({
      topic: 'iot.sensors' as const,
      key: `${id.gateway}/${sensor}`,
      value,
      headers: { gateway: id.gateway },
      timestamp: Date.now(),
    });
    const records = [said('a', '{"n":1}'), said('b', '{"n":2}'), said('a', '{"n":3}'), said('b', '')];
    await log.append({ ...id, stream: 'events', from: 1, records });
    const last = new Map<string, string>();
    await log.read(['iot.sensors'], 0, (some) => {
      for (const { key, value, headers } of some) if (headers.gateway === id.gateway) last.set(key, value);
    });
    expect([...last].sort()).toEqual([
      [`${id.gateway}/a`, '{"n":3}'],
      [`${id.gateway}/b`, ''],
    ]);
  });

  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const seqOf = (r: StoredRecord) => Number(r.headers.seq);
  const positionOf = (r: StoredRecord): Position => ({
    topic: r.topic,
    partition: r.partition,
    offset: String(BigInt(r.offset) + 1n),
    arrivedMs: r.arrivedMs,
  });

  it('waits for a reader before it delivers more, and stops only once the reader is done', async () => {
    const id = fresh();
    const since = Date.now();
    let calls = 0;
    let busy = 0;
    let most = 0;
    const handle = async (records: StoredRecord[]) => {
      if (!records.some((r) => r.headers.gateway === id.gateway)) return;
      calls += 1;
      busy += 1;
      most = Math.max(most, busy);
      await pause(300);
      busy -= 1;
    };
    const tail = await log.tail(DATA_TOPICS, since, handle);
    for (let from = 1; from <= 91; from += 10) {
      await log.append(batch(id, from, from + 9));
      await pause(50);
    }
    await until('a delivery', 20_000, () => busy > 0);
    await tail.stop();
    expect([busy, most]).toEqual([0, 1]);
    // Ten appends in half a second, 300 ms each to handle: what came meanwhile came together, or not at all.
    expect(calls).toBeLessThan(10);
    const handled = calls;
    await pause(500);
    expect(calls).toBe(handled);
    await log.read(DATA_TOPICS, since, handle);
    expect([busy, most]).toEqual([0, 1]);
  });

  it('delivers again what a tail’s reader rejects; a read rejects with it', async () => {
    const id = fresh();
    const since = Date.now();
    await log.append(batch(id, 1, 20));
    const taken: number[] = [];
    let failures = 2;
    const tail = await log.tail(DATA_TOPICS, since, async (records) => {
      const mine = records.filter((r) => r.headers.gateway === id.gateway);
      if (mine.length > 0 && failures > 0) {
        failures -= 1;
        throw new Error('the database is away');
      }
      taken.push(...mine.map(seqOf));
    });
    await until('all records', 30_000, () => taken.length >= 20);
    await tail.stop();
    expect(taken).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    await expect(
      log.read(DATA_TOPICS, since, () => Promise.reject(new Error('the disk is full'))),
    ).rejects.toThrow('the disk is full');
  });

  it('goes on where a reader says that it was, and says how much is left', async () => {
    const id = fresh();
    await log.append(batch(id, 1, 30));
    const seen: StoredRecord[] = [];
    await log.read(['iot.temperature'], 0, (records) => void seen.push(...records));
    const positions = [...new Map(seen.map((r) => [r.partition, positionOf(r)])).values()];
    await log.append(batch(id, 31, 50));
    const again: StoredRecord[] = [];
    const holes: Hole[] = [];
    const gate: { open: () => void } = { open: () => {} };
    const opened = new Promise<void>((resolve) => {
      gate.open = resolve;
    });
    const tail = await log.tail(
      ['iot.temperature', 'iot.status'],
      positions,
      async (records) => {
        await opened;
        again.push(...records);
      },
      (hole) => void holes.push(hole),
    );
    const before = await tail.behind();
    expect(before.records).toBeGreaterThanOrEqual(20);
    expect(Date.now() - before.sinceMs!).toBeLessThan(60_000);
    gate.open();
    await until('nothing left', 20_000, async () => (await tail.behind()).records === 0);
    expect((await tail.behind()).sinceMs).toBeNull();
    await tail.stop();
    expect(again.map(seqOf)).toEqual(Array.from({ length: 20 }, (_, i) => i + 31));
    expect(holes).toEqual([]);
    // A topic without a position is read from its beginning.
    const all: StoredRecord[] = [];
    await log.read(['iot.temperature'], [], (records) => void all.push(...records));
    expect(all.length).toBe(seen.length + 20);
  });

  it('says of positions that it never gave out that the topic is another, and reads from its beginning', async () => {
    const id = fresh();
    await log.append(batch(id, 1, 5));
    const seen: StoredRecord[] = [];
    await log.read(['iot.temperature'], 0, (records) => void seen.push(...records));
    const last = seen.at(-1)!;
    const position = positionOf(last);
    const of = (more: Partial<Position>) => [{ ...position, ...more }];
    const holesFrom = async (positions: Position[]) => {
      const holes: Hole[] = [];
      let count = 0;
      const tail = await log.tail(
        ['iot.temperature'],
        positions,
        (records) => {
          count += records.length;
        },
        (hole) => void holes.push(hole),
      );
      await until('all there is', 20_000, async () => (await tail.behind()).records === 0);
      await tail.stop();
      return { whys: holes.map(({ why }) => why), count };
    };
    const beyond = String(BigInt(last.offset) + 1000n);
    expect(await holesFrom(of({ offset: beyond }))).toEqual({ whys: ['anew'], count: seen.length });
    // As many records as the old topic had, and all of them from after it was read.
    const earlier = seen[0]!.arrivedMs - 60_000;
    expect(await holesFrom(of({ arrivedMs: earlier }))).toEqual({ whys: ['anew'], count: seen.length });
  });

  it('binds a gateway to the clinic that it first named, if it is asked to, for good', async () => {
    const id = fresh();
    const of = (clinic: string, from: number) => ({ ...batch(id, from, from), clinic });
    await log.append(batch(id, 1, 1));
    await log.append(of('kisumu', 2));
    const later = { gateway: id.gateway, epoch: 'ffff000000000000' };
    const refused = { code: 'log.bound', retry: false };
    await expect(log.append(of('nairobi', 3))).rejects.toMatchObject(refused);
    await expect(log.append({ ...batch(later, 1, 1), clinic: 'nairobi' })).rejects.toMatchObject(refused);
    await log.close();
    log = await bench.open();
    await expect(log.append(of('nairobi', 3))).rejects.toMatchObject(refused);
    expect(await log.append(of('kisumu', 3))).toEqual([[1, 3]]);
    expect(await log.append(batch(id, 4, 4))).toEqual([[1, 4]]);
  });

  it('delivers to a reader that was there before', async () => {
    const id = fresh();
    const seen: string[] = [];
    const tail = await log.tail(DATA_TOPICS, Date.now(), (records) => {
      seen.push(...records.filter((r) => r.headers.gateway === id.gateway).map((r) => r.value));
    });
    await log.append(batch(id, 1, 3));
    await until('three records', 20_000, () => seen.length === 3);
    expect(JSON.parse(seen[0]!)).toEqual({ gateway: id.gateway, seq: 1 });
    await tail.stop();
  });
});
