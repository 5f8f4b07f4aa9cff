import { connectAsync } from 'mqtt';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { readEmbedded } from '../world/run/read-log.js';
import { startRelay } from '../world/run/relay.js';
import { startMosquitto, tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';
import { type Figure, figure, writtenBytes } from './figure.js';

const PROBES = 10;
const ROUND_MS = 60_000;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

interface Measured {
  medianMs: number;
  longestMs: number;
  bytes: number;
}

/**
 * From a probe's message to the relay's log, and what it costs the card: ten probes a minute, all within a second (as
 * one poller asks them) or six seconds apart, over a metered link and an unmetered one.
 */
export async function liveFigures(rounds: number): Promise<Figure[]> {
  const cases = [
    ['together', 50],
    ['apart', ROUND_MS / PROBES],
  ] as const;
  const figures: Figure[] = [];
  for (const [how, gapMs] of cases) {
    const [metered, unmetered] = await Promise.all([
      measure('metered', gapMs, rounds),
      measure('unmetered', gapMs, rounds),
    ]);
    const reference = (value: number) => ({ name: 'metered', value });
    const load = `ten probes a minute, ${how}, unmetered`;
    figures.push(
      figure(
        `live.median_${how}`,
        unmetered.medianMs / 1000,
        `s from message to log, ${load}`,
        reference(metered.medianMs / 1000),
      ),
      figure(
        `live.longest_${how}`,
        unmetered.longestMs / 1000,
        's, likewise',
        reference(metered.longestMs / 1000),
      ),
      figure(
        `live.written_${how}`,
        unmetered.bytes,
        `bytes to the device a reading, ${load}`,
        reference(metered.bytes),
      ),
    );
  }
  return figures;
}

async function measure(link: string, gapMs: number, rounds: number): Promise<Measured> {
  const folder = tempFolder('live');
  const mosquitto = await startMosquitto();
  const relay = await startRelay(folder.path);
  const httpPort = await freePort();
  const sensors = Array.from({ length: PROBES }, (_, i) => ({
    id: `s${i}`,
    source: {
      kind: 'mqtt',
      topic: `live/s${i}`,
      values: [{ quantity: 'temperature', unit: 'Cel', path: 't' }],
    },
    preset: 'refrigerator-2-8',
  }));
  const site = {
    clinic: { id: 'c', name: 'Live' },
    gateway: 'live',
    data: `${folder.path}/agent`,
    sensors,
    mqtt: { url: `mqtt://${mosquitto.address}` },
    relay: { url: relay.url, link },
    http: { host: '127.0.0.1', port: httpPort },
  };
  const agent = new Program('agent', site, folder.path);
  const mqtt = await connectAsync(`mqtt://${mosquitto.address}`);
  const records = () =>
    readEmbedded(`${folder.path}/relay`).filter(({ topic }) => topic === 'iot.temperature');
  try {
    await until('the first reading', 30_000, async () => {
      await mqtt.publishAsync('live/s0', '{"t":5}', { qos: 0 });
      return (await getJson<AgentStatus>(`http://127.0.0.1:${httpPort}/api/status`)).ring.readings > 0;
    });
    await pause(25_000);
    const [before, rows] = [writtenBytes(agent.pid), records().length];
    const took: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const end = performance.now() + ROUND_MS;
      const waiting: Promise<void>[] = [];
      for (let i = 0; i < PROBES; i++) {
        const value = 4 + (round * PROBES + i) / 1000;
        const sent = performance.now();
        await mqtt.publishAsync(`live/s${i}`, JSON.stringify({ t: value }), { qos: 0 });
        const there = until('a reading in the log', 60_000, () =>
          records().some(({ message }) => message.value === value),
        );
        waiting.push(there.then(() => void took.push(performance.now() - sent)));
        await pause(gapMs);
      }
      await Promise.all(waiting);
      await pause(Math.max(0, end - performance.now()));
    }
    const bytes = (writtenBytes(agent.pid) - before) / (records().length - rows);
    return { medianMs: median(took), longestMs: Math.max(...took), bytes };
  } finally {
    await mqtt.endAsync(true);
    await agent.stop();
    await relay.program.stop();
    await mosquitto.stop();
    folder.remove();
  }
}
