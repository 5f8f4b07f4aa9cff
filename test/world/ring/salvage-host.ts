import { unsaved } from '../../../agent/ring/aside.js';
import { RingClient } from '../../../agent/ring/client.js';
import { tidy } from '../../../agent/ring/recover.js';
import { Salvager } from '../../../agent/ring/salvager.js';
import { timesAt } from '../../../core/reading.js';
import { SystemClock } from '../../../host/clock.js';

/*
 * What an agent's start does with damaged rings, in a process of its own that can be killed at any moment:
 * `node salvage-host.js start FOLDER`; or what one in memory does when the card is back: `… move FOLDER ROWS`.
 */
const [task, folder, rows] = process.argv.slice(2);
const file = `${folder}/ring.db`;
const open = (path: string) =>
  RingClient.open({ file: path, boot: 'boot', capacity: 1e7, flushMs: 5, clock: new SystemClock() });
const kept = (ring: RingClient) => new Promise<void>((resolve) => ring.whenKept(resolve));

if (task === 'start') {
  const ring = await open(file);
  tidy(folder!);
  for (const aside of unsaved(folder!)) await new Salvager(aside).run();
  await ring.close();
} else {
  const memory = await open(':memory:');
  for (let n = 1; n <= Number(rows); n++) {
    const times = timesAt(n);
    memory.append({ sensor: 's', quantity: 'temperature', milli: n, quality: 'good', ...times });
  }
  memory.saveState('alarm', { throughSeq: Number(rows), from: 'memory' });
  memory.saveState('outbox', ['a text']);
  await kept(memory);
  process.stdout.write('moving\n');
  await memory.moveTo(file);
}
