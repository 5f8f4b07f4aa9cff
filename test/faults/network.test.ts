import { mkdirSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { generator } from '../../core/random.js';
import type { FlakyLink, Shape } from '../world/faults/proxy.js';
import { fillRing } from '../world/ring/fill-ring.js';
import { until } from '../world/run/programs.js';
import { occurrences } from '../world/run/read-log.js';
import { World, w1Sensor } from '../world/world.js';

const BACKLOG = 20_000;

/** Networks as clinics have them. By proxy: not every machine that tests lets its kernel shape traffic. */
const PROFILES: Record<
  string,
  { shape: Omit<Shape, 'random'>; onMs?: number; offMs?: number; stall?: boolean }
> = {
  'a satellite, 600 ms there and back, 2 % lost': {
    shape: { delayMs: 300, bytesPerSecond: 60_000, loss: 0.02 },
  },
  'GPRS, 30 kbit/s and 700 ms': { shape: { delayMs: 350, bytesPerSecond: 3750, loss: 0 } },
  // Five minutes each in life.
  'a line that is there for 4 s and gone for 4 s': {
    shape: { delayMs: 40, bytesPerSecond: 2500, loss: 0 },
    onMs: 4000,
    offMs: 4000,
  },
  'connections that die without a word': {
    shape: { delayMs: 40, bytesPerSecond: 2500, loss: 0 },
    onMs: 4000,
    offMs: 1000,
    stall: true,
  },
};

let world: World;
afterEach(() => world.close());

/** Breaks the link again and again; returns what ends it. */
function disturb(
  link: FlakyLink,
  { onMs, offMs, stall }: { onMs?: number; offMs?: number; stall?: boolean },
): () => void {
  if (onMs === undefined) return () => {};
  let timer: NodeJS.Timeout;
  const up = () => {
    // A stalled connection never comes back: only new ones do.
    if (stall) link.cut();
    link.up();
    timer = setTimeout(down, onMs);
  };
  const down = () => {
    if (stall) link.stall();
    else link.cut();
    timer = setTimeout(up, offMs);
  };
  timer = setTimeout(down, onMs);
  return () => {
    clearTimeout(timer);
    link.cut();
    link.up();
  };
}

describe('two weeks of backlog', () => {
  it.each(Object.keys(PROFILES))('behind what is measured now, all of it once, over %s', async (name) => {
    const profile = PROFILES[name]!;
    world = await World.start({
      name: 'network',
      relay: {},
      link: true,
      agent: ({ folder, link }) => {
        link!.shaped({ ...profile.shape, random: generator(1) });
        mkdirSync(`${folder}/agent`);
        fillRing(`${folder}/agent/ring.db`, BACKLOG);
        return {
          gateway: 'far',
          sensors: [w1Sensor('now')],
          relay: { every: '2s', deadline: '5s', backoff_max: '1s' },
        };
      },
    });
    const end = disturb(world.link!, profile);
    const readings = () => world.readings();
    try {
      await until('the end of the backlog', 90_000, () => {
        return readings().filter(({ message }) => message.seq <= BACKLOG).length >= BACKLOG;
      });
    } finally {
      end();
    }
    const records = readings();
    expect([...occurrences(records)].filter(([, count]) => count > 1)).toEqual([]);
    expect(records.filter(({ message }) => message.seq <= BACKLOG)).toHaveLength(BACKLOG);
    const seqs = records.map(({ message }) => message.seq);
    const lastOfBacklog = seqs.findLastIndex((seq) => seq <= BACKLOG);
    expect(seqs.slice(0, lastOfBacklog).filter((seq) => seq > BACKLOG).length).toBeGreaterThan(1);
  });
});
