import { Agent, request } from 'node:https';
import { brotliCompressSync, constants } from 'node:zlib';
import { encodeBatch } from '../../core/contract/batch.js';
import { MINUTE } from '../../core/durations.js';
import { Authority, type Tls } from '../world/run/certificates.js';
import { freePort, Program, until } from '../world/run/programs.js';
import { startKafka, tempFolder } from '../world/run/services.js';
import { cpuSeconds, type Figure, figure, rssMb } from './figure.js';

/*
 * Gateways of ten sensors, a reading a second each, that send once a minute: 600 readings a batch, each gateway with a
 * certificate and a connection of its own. The fleet is offered the load of real life, gateway after gateway spread over
 * the minute; the figures are what came of it.
 */
const ROWS = 600;
const SENSORS = 10;

/** A minute of a gateway: ten fridges that cycle. Compressed once, as its content matters to nobody. */
function body(gateway: string, from: number, minute: number): Buffer {
  const rows = Array.from({ length: ROWS }, (_, i) => ({
    sensor: `s${i % SENSORS}`,
    quantity: 'temperature' as const,
    measuredAt: Date.UTC(2026, 0, 1) + minute * MINUTE + Math.floor(i / SENSORS) * 1000,
    estimated: false,
    milli: Math.round(4500 + 800 * Math.sin((minute + i / SENSORS / 60) / 6)),
    quality: 0,
  }));
  const head = {
    clinic: 'bench',
    gateway,
    epoch: '00112233aabbccdd',
    from,
    to: from + ROWS - 1,
    backfill: false,
  };
  const json = JSON.stringify(encodeBatch({ ...head, stream: 'readings', rows }));
  return brotliCompressSync(json, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } });
}

function post(agent: Agent, port: number, tls: Tls, gateway: string, content: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        agent,
        port,
        host: '127.0.0.1',
        path: `/v1/gateways/${gateway}/batches`,
        method: 'POST',
        ...tls,
        headers: {
          'content-type': 'application/json',
          'content-encoding': 'br',
          'content-length': content.length,
        },
      },
      (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode ?? 0));
      },
    );
    sent.once('error', reject);
    sent.end(content);
  });
}

async function fleet(
  gateways: number,
  minutes: number,
): Promise<{ rate: number; p99: number; rss: number; cpu: number; refused: number }> {
  const kafka = await startKafka();
  const folder = tempFolder('fleet');
  try {
    const authority = new Authority(folder.path);
    const port = await freePort();
    const files = authority.relay();
    const probing = authority.issue('gw-probe');
    const certified = Array.from({ length: gateways }, (_, i) => authority.issue(`gw-${i}`));
    const relay = new Program(
      'relay',
      {
        data: folder.path,
        http: { host: '127.0.0.1', port, tls: files },
        kafka: { brokers: [kafka.address] },
        log: { level: 'warn' },
      },
      folder.path,
    );
    const probe = new Agent({ keepAlive: false });
    await until(
      'the relay',
      60_000,
      async () => (await post(probe, port, probing, 'gw-probe', body('gw-probe', 1, 0))) === 200,
    );
    const agents = Array.from(
      { length: gateways },
      () => new Agent({ keepAlive: true, maxSockets: 1, timeout: 300_000 }),
    );
    const latencies: number[] = [];
    let refused = 0;
    let rss = 0;
    const under: Promise<void>[] = [];
    const cpuBefore = cpuSeconds(relay.pid);
    const began = performance.now();
    for (let n = 0; n < gateways * minutes; n++) {
      const due = (n * MINUTE) / gateways;
      const wait = due - (performance.now() - began);
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const gateway = n % gateways;
      const minute = Math.floor(n / gateways);
      const content = body(`gw-${gateway}`, minute * ROWS + 1, minute);
      const sentAt = performance.now();
      under.push(
        post(agents[gateway]!, port, certified[gateway]!, `gw-${gateway}`, content).then((status) => {
          latencies.push(performance.now() - sentAt);
          if (status !== 200) refused += 1;
        }),
      );
      if (n % 100 === 0) rss = Math.max(rss, rssMb(relay.pid));
    }
    await Promise.all(under);
    const seconds = (performance.now() - began) / 1000;
    const rows = gateways * minutes * ROWS;
    const cpu = ((cpuSeconds(relay.pid) - cpuBefore) / rows) * 100_000;
    for (const agent of agents) agent.destroy();
    await relay.stop();
    latencies.sort((a, b) => a - b);
    return { rate: rows / seconds, p99: latencies[Math.floor(0.99 * latencies.length)]!, rss, cpu, refused };
  } finally {
    await kafka.stop();
    folder.remove();
  }
}

export async function fleetFigures(): Promise<Figure[]> {
  // The simulator shares the machine and its latencies are ours: the hardest first, while it has nothing to tidy up.
  const large = await fleet(2000, 2);
  const half = await fleet(1000, 2);
  const small = await fleet(200, 2);
  return [
    figure('fleet.rate', large.rate, 'readings/s, of 20,000 offered by 2,000 gateways'),
    figure('fleet.p99', large.p99, 'ms to the acknowledgement'),
    figure('fleet.p99_half', half.p99, 'ms, of 10,000 readings/s offered by 1,000 gateways'),
    figure('fleet.rss_half', half.rss, 'MB of the relay, with those'),
    figure('fleet.rss', large.rss, 'MB of the relay'),
    figure('fleet.refused', small.refused + large.refused, 'batches'),
    figure('fleet.cpu', large.cpu, 's per 100,000 readings', {
      name: 'the same of 200 gateways',
      value: small.cpu,
    }),
  ];
}
