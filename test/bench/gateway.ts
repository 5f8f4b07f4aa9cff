import { execFileSync, fork } from 'node:child_process';
import { existsSync, watch } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { connectAsync, type MqttClient } from 'mqtt';
import { GpioTree } from '../world/probes/gpio.js';
import { W1Tree } from '../world/probes/w1.js';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { type Service, startMosquitto, tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';
import { type Figure, figure, rssMb, writtenBytes } from './figure.js';
import { ingestSite } from './ingest.js';

const NAIVE = fileURLToPath(new URL('./naive.js', import.meta.url));
const FULL_WRITER = fileURLToPath(new URL('./full-writer.js', import.meta.url));
const NOWHERE = 'http://127.0.0.1:9';
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** Bytes that reach the device for ten probes read each minute, against a transaction for each reading. */
export async function writtenFigures(minutes: number): Promise<Figure[]> {
  const folder = tempFolder('written');
  const w1 = new W1Tree(`${folder.path}/w1`);
  const roms = Array.from({ length: 10 }, (_, i) => `28-00000000000${i}`);
  for (const rom of roms) w1.set(rom, 5);
  const httpPort = await freePort();
  const site = {
    clinic: { id: 'c', name: 'Bench' },
    gateway: 'bench',
    data: `${folder.path}/agent`,
    sensors: roms.map((rom, i) => ({
      id: `s${i}`,
      model: 'maxim/ds18b20',
      preset: 'refrigerator-2-8',
      source: { kind: 'w1', rom },
      every: '60s',
    })),
    gpio: { w1_root: w1.root },
    http: { host: '127.0.0.1', port: httpPort },
  };
  const agent = new Program('agent', site, folder.path);
  const readings = async () =>
    (await getJson<AgentStatus>(`http://127.0.0.1:${httpPort}/api/status`)).ring.readings;
  try {
    await until('the first round', 60_000, async () => (await readings()) >= 10);
    const [bytes, rows] = [writtenBytes(agent.pid), await readings()];
    await until('the rounds', (minutes + 2) * 60_000, async () => (await readings()) >= rows + 10 * minutes);
    const ours = (writtenBytes(agent.pid) - bytes) / ((await readings()) - rows);
    const reference = Number(
      execFileSync(process.execPath, [FULL_WRITER, `${folder.path}/full.db`], { encoding: 'utf8' }),
    );
    return [
      figure('ring.written', ours, 'bytes to the device a reading, 10 probes a minute', {
        name: 'one SQLite FULL transaction a reading',
        value: reference,
      }),
    ];
  } finally {
    await agent.stop();
    folder.remove();
  }
}

/** Memory after minutes without an uplink, 50 sensors a second, and what it grew by in the second half. */
export async function offlineFigures(minutes: number): Promise<Figure[]> {
  return withAgent(async ({ agent, mqtt }) => {
    const end = performance.now() + minutes * 60_000;
    let half = 0;
    for (let n = 0; performance.now() < end; n++) {
      await mqtt.publishAsync(`bench/s${n % 50}`, '{"temperature":5.1}', { qos: 1 });
      if (half === 0 && performance.now() > end - minutes * 30_000) half = rssMb(agent.pid);
      await pause(20);
    }
    const rss = rssMb(agent.pid);
    const load = `50 sensors at 1/s, after ${minutes} min without an uplink`;
    return [
      figure('agent.rss_offline', rss, `MB, ${load}`),
      figure('agent.rss_offline_growth', rss - half, `MB in the last ${minutes / 2} min of it`),
    ];
  });
}

/** From starting the program to the first reading on the card, with readings coming all the time. */
export async function coldStartFigures(rounds: number): Promise<Figure[]> {
  const mosquitto = await startMosquitto();
  const mqtt = await connectAsync(`mqtt://${mosquitto.address}`);
  let n = 0;
  const timer = setInterval(() => mqtt.publish(`bench/s${n++ % 50}`, '{"temperature":5.1}', { qos: 1 }), 2);
  try {
    const [ours, naive]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      naive.push(await naiveColdStart(mosquitto));
      ours.push(await ourColdStart(mosquitto));
    }
    return [
      figure('agent.cold_start', median(ours), 's to the first durable reading', {
        name: 'naive agent',
        value: median(naive),
      }),
    ];
  } finally {
    clearInterval(timer);
    await mqtt.endAsync(true);
    await mosquitto.stop();
  }
}

async function ourColdStart(mosquitto: Service): Promise<number> {
  const folder = tempFolder('cold');
  const started = performance.now();
  const agent = new Program('agent', ingestSite(folder.path, mosquitto, await freePort()), folder.path);
  try {
    return await firstRow(`${folder.path}/agent/ring.db`, started);
  } finally {
    await agent.kill();
    folder.remove();
  }
}

async function naiveColdStart(mosquitto: Service): Promise<number> {
  const folder = tempFolder('cold');
  const started = performance.now();
  const child = fork(
    NAIVE,
    [`mqtt://${mosquitto.address}`, '127.0.0.1:9', 'none', `${folder.path}/naive.db`],
    {
      silent: true,
    },
  );
  try {
    return await firstRow(`${folder.path}/naive.db`, started);
  } finally {
    child.kill('SIGKILL');
    folder.remove();
  }
}

/** Seconds until another process finds a committed row. */
async function firstRow(file: string, started: number): Promise<number> {
  for (;;) {
    if (existsSync(file)) {
      try {
        const db = new Database(file, { readonly: true });
        const found = db.prepare('SELECT 1 FROM readings WHERE rowid = 1').get();
        db.close();
        if (found) return (performance.now() - started) / 1000;
      } catch {
        // Being made, or being written.
      }
    }
    if (performance.now() - started > 20_000) throw new Error(`no reading in ${file} after 20 s`);
    await pause(5);
  }
}

const BUZZER = 18;

/** From publishing a value beyond a limit without dwell to the buzzer's line being high, 100 readings a second. */
export async function latencyFigures(alarms: number): Promise<Figure[]> {
  const gpio = { tree: undefined as GpioTree | undefined };
  return withAgent(
    async ({ mqtt }) => {
      let n = 0;
      const load = setInterval(
        () => mqtt.publish(`bench/s${1 + (n++ % 49)}`, '{"temperature":5.1}', { qos: 1 }),
        10,
      );
      const took: number[] = [];
      for (let i = 0; i < alarms; i++) {
        const high = risingEdge(gpio.tree!);
        const at = performance.now();
        await mqtt.publishAsync('bench/s0', '{"temperature":12}', { qos: 1 });
        took.push((await high) - at);
        mqtt.publish('bench/s0', '{"temperature":5}', { qos: 1 });
        await until('the buzzer to be quiet', 10_000, () => !gpio.tree!.level(BUZZER));
        await pause(100 + 100 * Math.random());
      }
      clearInterval(load);
      took.sort((a, b) => a - b);
      const at = (part: number) => took[Math.min(took.length - 1, Math.floor(took.length * part))]!;
      return [
        figure('alarm.latency_p99', at(0.99), `ms from publishing to the buzzer's line, ${alarms} alarms`),
        figure('alarm.latency_p50', at(0.5), 'ms, likewise'),
      ];
    },
    (site, folder) => {
      gpio.tree = new GpioTree(`${folder}/gpio`, [BUZZER]);
      const rules = [{ kind: 'threshold', name: 'hot', side: 'above', limit: 8, dwell: '0s' }];
      return {
        ...site,
        sensors: site.sensors.map((sensor) => ({ ...sensor, rules })),
        gpio: { root: gpio.tree.root },
        lines: { buzzer: { line: BUZZER } },
      };
    },
  );
}

function risingEdge(tree: GpioTree): Promise<number> {
  return new Promise((resolve) => {
    const watcher = watch(`${tree.root}/gpio${512 + BUZZER}/value`, () => {
      if (!tree.level(BUZZER)) return;
      const at = performance.now();
      watcher.close();
      resolve(at);
    });
  });
}

type Site = ReturnType<typeof ingestSite>;

/** An agent with 50 MQTT sensors and a relay that cannot be reached. */
async function withAgent<T>(
  measure: (world: { agent: Program; mqtt: MqttClient }) => Promise<T>,
  change: (site: Site, folder: string) => object = (site) => site,
): Promise<T> {
  const mosquitto = await startMosquitto();
  const folder = tempFolder('gateway');
  const httpPort = await freePort();
  const site = change(ingestSite(folder.path, mosquitto, httpPort), folder.path);
  const agent = new Program('agent', { ...site, relay: { url: NOWHERE } }, folder.path);
  const mqtt = await connectAsync(`mqtt://${mosquitto.address}`);
  try {
    await until('the agent', 20_000, () => getJson(`http://127.0.0.1:${httpPort}/api/status`));
    await pause(1000);
    return await measure({ agent, mqtt });
  } finally {
    await mqtt.endAsync(true);
    await agent.stop();
    await mosquitto.stop();
    folder.remove();
  }
}
