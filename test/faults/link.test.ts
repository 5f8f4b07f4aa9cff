import { createServer } from 'node:http';
import { describe, it } from 'vitest';
import { FlakyLink } from '../world/faults/proxy.js';
import { W1Tree } from '../world/probes/w1.js';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { readEmbedded } from '../world/run/read-log.js';
import { startRelay } from '../world/run/relay.js';
import { tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';

/** Long enough for a back-off that grows to have grown to a minute. */
const OUTAGE_MS = 60_000;
const ALERT_MS = 5000;
const LIVE_MS = 15_000;
const ROM = '28-0000000000aa';
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A fridge that gets warm while the link is away, and what of it is in the relay's log. */
class Clinic {
  readonly folder = tempFolder('link');
  readonly #w1 = new W1Tree(`${this.folder.path}/w1`);
  #agent: Program | undefined;
  #site: object | undefined;
  #httpPort = 0;

  async start(url: string): Promise<void> {
    this.#w1.set(ROM, 5);
    this.#httpPort = await freePort();
    const rules = [{ kind: 'threshold', name: 'warm', side: 'above', limit: 8, dwell: '0s' }];
    const source = { kind: 'w1', rom: ROM };
    this.#site = {
      clinic: { id: 'c', name: 'Link' },
      gateway: 'gw',
      data: `${this.folder.path}/agent`,
      sensors: [{ id: 'fridge', model: 'maxim/ds18b20', source, every: '1s', rules }],
      gpio: { w1_root: this.#w1.root },
      ring: { flush: '50ms' },
      // As long as a site file may make it.
      relay: { url, backoff_max: '5m' },
      http: { host: '127.0.0.1', port: this.#httpPort },
    };
    this.restart();
    await until('the agent', 20_000, async () => (await this.status()).ring.readings > 0);
  }

  restart(): void {
    this.#agent = new Program('agent', this.#site!, this.folder.path);
  }

  kill = async () => this.#agent?.kill();
  status = () => getJson<AgentStatus>(`http://127.0.0.1:${this.#httpPort}/api/status`);
  records = () => readEmbedded(`${this.folder.path}/relay`);

  async warm(): Promise<void> {
    this.#w1.set(ROM, 12);
    await until('the alarm', 10_000, async () => (await this.status()).open_alerts.length > 0);
  }

  /** The alert of before `since`, and a reading of about then or later, are in the log in time. */
  async arrive(since: number): Promise<void> {
    const left = (bound: number) => since + bound - Date.now();
    await until('the alert', left(ALERT_MS), () => this.records().some(({ topic }) => topic === 'alerts'));
    const fresh = ({ topic, message }: ReturnType<Clinic['records']>[number]) =>
      topic === 'iot.temperature' && (message.measured_at as number) > since - 2000;
    await until('a live reading', left(LIVE_MS), () => this.records().some(fresh));
  }

  async close(): Promise<void> {
    await this.kill();
    this.folder.remove();
  }
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
    const clinic = new Clinic();
    const end = await begin(port);
    let relay: Program | undefined;
    try {
      await clinic.start(`http://127.0.0.1:${port}`);
      await clinic.warm();
      await pause(OUTAGE_MS);
      await end();
      relay = (await startRelay(clinic.folder.path, { port })).program;
      await clinic.arrive(Date.now());
    } finally {
      await clinic.close();
      await relay?.kill();
    }
  });

  it.each(['cut', 'stall'] as const)(
    'when the link is %s, and the agent killed in the middle',
    {
      timeout: 180_000,
    },
    async (how) => {
      const clinic = new Clinic();
      const relay = await startRelay(clinic.folder.path);
      const link = await new FlakyLink('127.0.0.1', relay.port).listen();
      try {
        await clinic.start(`http://127.0.0.1:${link.port}`);
        await until('a first reading', 20_000, () => clinic.records().length > 0);
        link[how]();
        await clinic.warm();
        await pause(OUTAGE_MS / 2);
        await clinic.kill();
        clinic.restart();
        await pause(OUTAGE_MS / 2);
        link.up();
        await clinic.arrive(Date.now());
      } finally {
        await clinic.close();
        await link.close();
        await relay.program.kill();
      }
    },
  );
});
