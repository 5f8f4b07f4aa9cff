import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { DAY, MINUTE } from '../../core/durations.js';
import type { Archive } from '../../relay/archive/port.js';
import { PostgresArchive } from '../../relay/archive/postgres.js';
import { SqliteArchive } from '../../relay/archive/sqlite/sqlite.js';
import { until } from '../world/run/programs.js';
import { startRelay, type TestRelay } from '../world/run/relay.js';
import { startPostgres, tempFolder } from '../world/run/services.js';
import { type Figure, figure } from './figure.js';

const START = Date.UTC(2026, 8, 1);
const SENSORS = 10;
const EPOCH = '00000000000000aa';
const HEALTH = '/healthz';
/** Times that each question is asked. */
const TIMES = 9;
/** Looks at the relay's health, ten ms apart. */
const LOOKS = 300;

/** A reading a minute and sensor, as gateways send them: all clinics' minutes one after the other. */
async function fill(archive: Archive, clinics: number, days: number): Promise<number> {
  const { generation } = await archive.reached();
  const minutes = days * 1440;
  for (let minute = 0; minute < minutes; minute += 20) {
    for (let clinic = 0; clinic < clinics; clinic += 10) {
      const readings = Array.from({ length: 20 * 10 * SENSORS }, (_, i) => {
        const [of, sensor, m] = [
          clinic + (i % 10),
          Math.floor(i / 10) % SENSORS,
          minute + Math.floor(i / 100),
        ];
        return {
          clinic: `clinic-${of}`,
          gateway: `gateway-${of}`,
          sensor: `fridge-${sensor}`,
          quantity: 'temperature' as const,
          value: Math.round((4.5 + 2 * Math.sin(m / 40 + sensor)) * 16) / 16,
          unit: 'Cel' as const,
          measured_at: START + m * MINUTE + sensor * 200,
          time_quality: 'synchronised' as const,
          quality: 'good' as const,
          epoch: EPOCH,
          seq: m * SENSORS + sensor + 1,
          backfill: false,
        };
      });
      await archive.store({ readings, aggregates: [], alerts: [], positions: [] }, generation);
    }
  }
  return clinics * minutes * SENSORS;
}

const iso = (ms: number) => new Date(ms).toISOString();
const question = (days: number, more = '') =>
  `/v1/history/readings?clinic=clinic-3&from=${iso(START + DAY)}&to=${iso(START + (1 + days) * DAY)}${more}`;

async function median(times: number, work: () => Promise<unknown>): Promise<number> {
  const took: number[] = [];
  for (let i = 0; i < times; i++) {
    const began = performance.now();
    await work();
    took.push(performance.now() - began);
  }
  return took.sort((a, b) => a - b)[times >> 1]!;
}

/** Asks one question again and again, from a program of its own: what reads its answer holds nobody up here. */
const ASKER = `for (;;) await (await fetch(process.argv[1])).arrayBuffer()`;

/** How long others wait for the relay at worst, in so many looks. */
async function worstHealth(relay: TestRelay): Promise<number> {
  let worst = 0;
  for (let i = 0; i < LOOKS; i++) {
    const began = performance.now();
    await (await fetch(`${relay.url}${HEALTH}`)).text();
    worst = Math.max(worst, performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return worst;
}

async function worstWhileAsked(relay: TestRelay, path: string): Promise<number> {
  const asker = spawn(process.execPath, ['--input-type=module', '-e', ASKER, `${relay.url}${path}`]);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const worst = await worstHealth(relay);
  asker.kill('SIGKILL');
  return worst;
}

async function queriesOf(kind: string, relay: TestRelay): Promise<Figure[]> {
  const ask = async (path: string) => {
    const response = await fetch(`${relay.url}${path}`);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.arrayBuffer();
  };
  await until('the archive', 60_000, () => ask(question(1, '&limit=1')));
  const idle = await median(TIMES, () => ask(HEALTH));
  const reference = { name: 'an answer that asks nothing', value: idle };
  const day = await median(TIMES, () => ask(question(1, '&sensor=fridge-2')));
  const page = await median(TIMES, () => ask(question(8)));
  const heaviest = question(8, '&limit=100000');
  const whole = await median(3, () => ask(heaviest));
  const calm = await worstHealth(relay);
  const worst = await worstWhileAsked(relay, heaviest);
  return [
    figure(`archive.${kind}_day`, day, "ms, a sensor's day of 1,440 readings over HTTP", reference),
    figure(`archive.${kind}_page`, page, "ms, 10,000 readings of a clinic's eight days", reference),
    figure(`archive.${kind}_heaviest`, whole, 'ms, 100,000 readings at once', reference),
    figure(`archive.${kind}_healthz`, worst, 'ms at worst while that is asked again and again', {
      name: 'the same while nothing is asked',
      value: calm,
    }),
  ];
}

async function sqlite(clinics: number, days: number): Promise<Figure[]> {
  const folder = tempFolder('bench-archive');
  const archive = await SqliteArchive.open(`${folder.path}/relay`);
  const began = performance.now();
  const rows = await fill(archive, clinics, days);
  const rate = rows / ((performance.now() - began) / 1000);
  await archive.close();
  const bytes = statSync(`${folder.path}/relay/archive.db`).size / rows;
  const relay = await startRelay(folder.path, { archive: {}, streams: false });
  const figures = await queriesOf('sqlite', relay);
  await relay.program.stop();
  folder.remove();
  return [
    figure('archive.sqlite_bytes', bytes, 'bytes a reading'),
    figure('archive.sqlite_store', rate, `readings/s, ${rows.toLocaleString('en')} of them`),
    ...figures,
  ];
}

async function postgres(clinics: number, days: number): Promise<Figure[]> {
  const folder = tempFolder('bench-archive');
  const service = await startPostgres();
  const archive = await PostgresArchive.open(service.url, () => {});
  const began = performance.now();
  const rows = await fill(archive, clinics, days);
  const rate = rows / ((performance.now() - began) / 1000);
  await archive.close();
  const relay = await startRelay(folder.path, { archive: { postgres: service.url }, streams: false });
  const figures = await queriesOf('postgres', relay);
  await relay.program.stop();
  await service.stop();
  folder.remove();
  return [
    figure('archive.postgres_store', rate, `readings/s, ${rows.toLocaleString('en')} of them`),
    ...figures,
  ];
}

export async function archiveFigures(clinics: number, days: number): Promise<Figure[]> {
  return [...(await sqlite(clinics, days)), ...(await postgres(clinics, days))];
}
