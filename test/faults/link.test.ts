import { createServer } from 'node:http';
import { describe, it } from 'vitest';
import { freePort, until } from '../world/run/programs.js';
import type { SeenRecord } from '../world/run/read-log.js';
import { startRelay } from '../world/run/relay.js';
import { ROM, WARM_AT_ONCE, World, w1Sensor } from '../world/world.js';

/** Long enough for a back-off that grows to have grown to a minute: time itself is what is tested. */
const OUTAGE_MS = 60_000;
const ALERT_MS = 5000;
const LIVE_MS = 15_000;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Pauses between tries are as long as a site file may make them. */
const site = (relay: object = {}) => ({
  sensors: [w1Sensor('fridge', { rules: [WARM_AT_ONCE] })],
  relay: { backoff_max: '5m', ...relay },
});

async function warm(world: World): Promise<void> {
  await until('a reading', 20_000, async () => (await world.status()).ring.readings > 0);
  world.w1.set(ROM, 12);
  await until('the alarm', 10_000, async () => (await world.status()).open_alerts.length > 0);
}

/** The alert of before `since`, and a reading of about then or later, are in the log in time. */
async function arrive(world: World, since: number): Promise<void> {
  const left = (bound: number) => since + bound - Date.now();
  await until('the alert', left(ALERT_MS), () => world.records().some(({ topic }) => topic === 'alerts'));
  const fresh = ({ message }: SeenRecord) => (message.measured_at as number) > since - 2000;
  await until('a live reading', left(LIVE_MS), () => world.readings().some(fresh));
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

// Side by side: each of them waits most of the time.
describe.concurrent('after an outage, whatever pauses it had grown to, alerts and live readings are in time', () => {
  const outages: [string, (port: number) => Promise<() => Promise<unknown>>][] = [
    ['nobody listens', async () => async () => {}],
    ['a gateway before the relay answers 502', (port) => impostor(port, 502, '<h1>Bad Gateway</h1>')],
    ['a portal answers everything', (port) => impostor(port, 200, '<h1>Buy data</h1>')],
  ];

  it.each(outages)('when %s', { timeout: 180_000 }, async (_what, begin) => {
    const port = await freePort();
    const end = await begin(port);
    const world = await World.start({ name: 'link', agent: () => site({ url: `http://127.0.0.1:${port}` }) });
    try {
      await warm(world);
      await pause(OUTAGE_MS);
      await end();
      world.relay = await startRelay(world.folder, { port });
      await arrive(world, Date.now());
    } finally {
      await world.close();
    }
  });

  it.each(['cut', 'stall'] as const)(
    'when the link is %s, and the agent killed in the middle',
    {
      timeout: 180_000,
    },
    async (how) => {
      const world = await World.start({ name: 'link', relay: {}, link: true, agent: () => site() });
      try {
        await until('a first reading', 20_000, () => world.readings().length > 0);
        world.link![how]();
        await warm(world);
        await pause(OUTAGE_MS / 2);
        await world.agent!.kill();
        world.launchAgent();
        await pause(OUTAGE_MS / 2);
        world.link!.up();
        await arrive(world, Date.now());
      } finally {
        await world.close();
      }
    },
  );
});
