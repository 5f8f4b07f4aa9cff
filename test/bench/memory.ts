import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DAY } from '../../core/durations.js';
import { SystemClock } from '../../host/clock.js';
import { EmbeddedLog } from '../../relay/log/embedded/embedded.js';
import { startRelay } from '../world/run/relay.js';
import { tempFolder } from '../world/run/services.js';
import { type Figure, figure } from './figure.js';

const CLI = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const START = Date.UTC(2026, 8, 1);
const BATCH = 5000;
/** A tenth of it for comparison: what grows with the log shows between them. */
const SMALL = 10;

/** Commands that read a whole log, over one of so many records and over a tenth of it. */
export async function memoryFigures(records: number): Promise<Figure[]> {
  const small = await measure(records / SMALL);
  const large = await measure(records);
  const of = (count: number) => `the same of ${count.toLocaleString('en')}`;
  const unit = `MB at most, over ${records.toLocaleString('en')} records`;
  const reference = of(records / SMALL);
  return [
    figure('memory.rebuild', large.rebuild, unit, { name: reference, value: small.rebuild }),
    figure('memory.replay', large.replay, unit, { name: reference, value: small.replay }),
  ];
}

async function measure(records: number) {
  const folder = tempFolder('bench-memory');
  // Its file of settings, and nothing more: commands read the log beside it.
  const relay = await startRelay(folder.path, { archive: {}, streams: false });
  await relay.program.stop();
  await fill(`${folder.path}/relay`, records);
  const config = ['--config', `${folder.path}/relay.yaml`];
  const rebuild = await mostMb(['relay', 'archive', 'rebuild', ...config]);
  const all = ['--from', new Date(START).toISOString(), '--to', new Date(START + 3650 * DAY).toISOString()];
  const replay = await mostMb(['relay', 'replay', ...all, ...config]);
  folder.remove();
  return { rebuild, replay };
}

async function fill(folder: string, records: number): Promise<void> {
  const log = new EmbeddedLog(folder, new SystemClock(), 3650 * DAY);
  const epoch = '00000000000000aa';
  for (let from = 1; from <= records; from += BATCH) {
    const rows = Array.from({ length: BATCH }, (_, i) => {
      const seq = from + i;
      const reading = {
        clinic: 'c',
        gateway: 'g',
        sensor: `fridge-${seq % 100}`,
        quantity: 'temperature',
        value: 4 + (seq % 64) / 16,
        unit: 'Cel',
        measured_at: START + seq * 600,
        time_quality: 'synchronised',
        quality: 'good',
        epoch,
        seq,
        backfill: false,
      };
      const key = `c/${reading.sensor}`;
      const value = JSON.stringify(reading);
      return { topic: 'iot.temperature' as const, key, value, headers: { epoch }, timestamp: START };
    });
    await log.append({ gateway: 'g', epoch, stream: 'readings', from, records: rows });
  }
  await log.close();
}

/** The most memory that a command had resident. */
async function mostMb(args: string[]): Promise<number> {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  let most = 0;
  const look = setInterval(() => {
    const line = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'));
    most = Math.max(most, Number(line?.[1] ?? 0) / 1024);
  }, 20);
  const [code] = (await once(child, 'exit')) as [number];
  clearInterval(look);
  if (code !== 0) throw new Error(`coldwatch ${args.join(' ')} ended with ${code}`);
  return most;
}
