import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort, getJson, Program, until } from '../world/programs.js';
import { FlakyLink } from '../world/proxy.js';
import { readEmbedded } from '../world/read-log.js';
import { startRelay } from '../world/relay.js';
import { tempFolder } from '../world/services.js';
import type { AgentStatus } from '../world/views.js';
import { W1Tree } from '../world/w1.js';

/** Long enough for a back-off that grows to have grown to a minute. */
const OUTAGE_MS = 70_000;
const ALERT_MS = 5000;
const LIVE_MS = 15_000;
const ROM = '28-0000000000aa';
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

let folder: ReturnType<typeof tempFolder>;
let relay: Program | undefined;
let agent: Program;
let w1: W1Tree;
let site: object;
let httpPort: number;
beforeEach(async () => {
  folder = tempFolder('link');
  w1 = new W1Tree(`${folder.path}/w1`);
  httpPort = await freePort();
});
afterEach(async () => {
  await agent.kill();
  await relay?.kill();
  folder.remove();
});

const records = () => readEmbedded(`${folder.path}/relay`);
const status = () => getJson<AgentStatus>(`http://127.0.0.1:${httpPort}/api/status`);

async function startAgent(url: string): Promise<void> {
  w1.set(ROM, 5);
  const limit = { kind: 'threshold', name: 'warm', side: 'above', limit: 8, dwell: '0s' };
  site = {
    clinic: { id: 'c', name: 'Link' },
    gateway: 'gw',
    data: `${folder.path}/agent`,
    sensors: [
      {
        id: 'fridge',
        model: 'maxim/ds18b20',
        source: { kind: 'w1', rom: ROM },
        every: '1s',
        rules: [limit],
      },
    ],
    gpio: { w1_root: w1.root },
    ring: { flush: '50ms' },
    // As long as a site file may make it.
    relay: { url, backoff_max: '5m' },
    http: { host: '127.0.0.1', port: httpPort },
  };
  agent = new Program('agent', site, folder.path);
  await until('the agent', 20_000, async () => (await status()).ring.readings > 0);
}

/** How long after `since` an alert of before it, and a reading of after it, are in the log. */
async function arrivals(since: number): Promise<{ alertMs: number; liveMs: number }> {
  let alertMs: number | undefined;
  const liveMs = await until('a live reading', 60_000, () => {
    const now = Date.now() - since;
    const all = records();
    if (alertMs === undefined && all.some(({ topic }) => topic === 'alerts')) alertMs = now;
    const live = all.some(
      ({ topic, message }) => topic === 'iot.temperature' && (message.measured_at as number) > since - 2000,
    );
    return alertMs !== undefined && live ? now : undefined;
  });
  return { alertMs: alertMs!, liveMs };
}

/** Something else on the relay's port, in its place. */
async function impostor(port: number, status: number, body: string) {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return () => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };
}

describe('after an outage, whatever pauses it had grown to', () => {
  const outages: [string, (port: number) => Promise<() => Promise<unknown>>][] = [
    ['nobody listens', async () => async () => {}],
    ['a gateway before the relay answers 502', (port) => impostor(port, 502, '<h1>Bad Gateway</h1>')],
    ['a portal answers everything', (port) => impostor(port, 200, '<h1>Buy data</h1>')],
  ];

  it.each(outages)('in which %s: alerts and live readings are there in time', async (_what, begin) => {
    const port = await freePort();
    const end = await begin(port);
    await startAgent(`http://127.0.0.1:${port}`);
    w1.set(ROM, 12);
    await until('the alarm', 10_000, async () => (await status()).open_alerts.length > 0);
    await pause(OUTAGE_MS);
    await end();
    relay = (await startRelay(folder.path, { port })).program;
    const { alertMs, liveMs } = await arrivals(Date.now());
    expect(alertMs).toBeLessThan(ALERT_MS);
    expect(liveMs).toBeLessThan(LIVE_MS);
  });

  it.each(['cut', 'stall'] as const)('of a link that is %s, also by kill -9 in the middle', async (how) => {
    const started = await startRelay(folder.path);
    relay = started.program;
    const link = await new FlakyLink('127.0.0.1', started.port).listen();
    try {
      await startAgent(`http://127.0.0.1:${link.port}`);
      await until('a first reading', 20_000, () => records().length > 0);
      link[how]();
      w1.set(ROM, 12);
      await until('the alarm', 10_000, async () => (await status()).open_alerts.length > 0);
      await pause(OUTAGE_MS / 2);
      await agent.kill();
      agent = new Program('agent', site, folder.path);
      await pause(OUTAGE_MS / 2);
      link.up();
      const { alertMs, liveMs } = await arrivals(Date.now());
      expect(alertMs).toBeLessThan(ALERT_MS);
      expect(liveMs).toBeLessThan(LIVE_MS);
    } finally {
      await link.close();
    }
  });
});
