import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { Clock } from '../../core/clock/clock.js';
import { SystemClock } from '../../host/clock.js';

const LOOK_EVERY_MS = 5000;

export interface Boot {
  id: string;
  clock: SystemClock;
}

/** The kernel's boot id, and a clock on CLOCK_BOOTTIME that knows whether NTP has set the wall clock. */
export function readBoot(synchronisedFile: string | undefined): Boot {
  const id = read('/proc/sys/kernel/random/boot_id') ?? randomUUID();
  const uptime = Number(read('/proc/uptime')?.split(' ')[0]);
  const clock = new SystemClock();
  const bootOffsetMs = Number.isFinite(uptime) ? Math.round(uptime * 1000 - clock.mono()) : 0;
  const synchronised = synchronisation(synchronisedFile, clock);
  return { id, clock: new SystemClock({ bootOffsetMs, synchronised }) };
}

const TIMESYNCD = '/run/systemd/timesync';

/** Where no file is named and systemd-timesyncd does not run, something else keeps the clock, and it is trusted. */
function synchronisation(file: string | undefined, clock: Clock): () => boolean {
  if (file === undefined && !existsSync(TIMESYNCD)) return () => true;
  return cachedExists(file ?? `${TIMESYNCD}/synchronized`, clock);
}

/** Asked for each reading, looked up every few seconds. */
function cachedExists(file: string, clock: Clock): () => boolean {
  let known = existsSync(file);
  let lookAgain = clock.mono() + LOOK_EVERY_MS;
  return () => {
    const now = clock.mono();
    if (now >= lookAgain) {
      known = existsSync(file);
      lookAgain = now + LOOK_EVERY_MS;
    }
    return known;
  };
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}
