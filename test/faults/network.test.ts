import { mkdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generator } from '../../core/random.js';
import { FlakyLink, type Shape } from '../world/faults/proxy.js';
import { W1Tree } from '../world/probes/w1.js';
import { fillRing } from '../world/ring/fill-ring.js';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { occurrences, readEmbedded } from '../world/run/read-log.js';
import { startRelay } from '../world/run/relay.js';
import { tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';

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

let folder: ReturnType<typeof tempFolder>;
let relay: Program;
let link: FlakyLink;
let agent: Program;
beforeEach(async () => {
  folder = tempFolder('network');
  const started = await startRelay(folder.path);
  relay = started.program;
  link = await new FlakyLink('127.0.0.1', started.port).listen();
});
afterEach(async () => {
  await agent?.kill();
  await relay.kill();
  await link.close();
  folder.remove();
});

/** Breaks the link again and again; returns what ends it. */
function disturb({ onMs, offMs, stall }: { onMs?: number; offMs?: number; stall?: boolean }): () => void {
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
    link.shaped({ ...profile.shape, random: generator(1) });
    mkdirSync(`${folder.path}/agent`);
    fillRing(`${folder.path}/agent/ring.db`, BACKLOG);
    const w1 = new W1Tree(`${folder.path}/w1`);
    w1.set('28-0000000000ff', 5);
    const httpPort = await freePort();
    const site = {
      clinic: { id: 'c', name: 'Far away' },
      gateway: 'far',
      data: `${folder.path}/agent`,
      sensors: [
        { id: 'now', model: 'maxim/ds18b20', source: { kind: 'w1', rom: '28-0000000000ff' }, every: '1s' },
      ],
      gpio: { w1_root: w1.root },
      ring: { flush: '50ms' },
      relay: { url: `http://127.0.0.1:${link.port}`, every: '2s', deadline: '5s', backoff_max: '1s' },
      http: { host: '127.0.0.1', port: httpPort },
    };
    agent = new Program('agent', site, folder.path);
    const end = disturb(profile);
    const status = () => getJson<AgentStatus>(`http://127.0.0.1:${httpPort}/api/status`);
    await until('the agent', 20_000, status);
    const readings = () =>
      readEmbedded(`${folder.path}/relay`).filter(({ topic }) => topic === 'iot.temperature');
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
