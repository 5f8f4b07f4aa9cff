import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generator } from '../../core/random.js';
import { Fridge, type FridgeOptions } from '../world/probes/fridge.js';

/*
 * Writes readings.csv of each case beside it: `node dist/test/cases/generate.js [NAME]`. The physics are those of the
 * simulated clinic; what goes wrong is written here, and the same seed gives the same file.
 */
const HERE = fileURLToPath(new URL('.', import.meta.url)).replace('/dist/test/', '/test/');
const MINUTE = 60_000;
const HOUR = 60;
const DAY = 24 * HOUR;
/** A DS18B20 at 12 bits. */
const STEP_C = 1 / 16;
const NOISE_C = 0.04;
/** A Monday in March, midnight. */
const START = Date.UTC(2026, 2, 2);

interface Reading {
  sensor: string;
  atMs: number;
  celsius: number | null;
}

/** Minutes of a fridge, each as its probe shows it; `happens` sets what goes on at that minute. */
function minutes(
  count: number,
  options: FridgeOptions & { seed: number; sensor?: string; start?: number; ambientC?: number },
  happens: (minute: number, fridge: Fridge) => void,
): Reading[] {
  const { seed, sensor = 'fridge', start = START } = options;
  const random = generator(seed);
  const fridge = new Fridge(options);
  fridge.ambientC = options.ambientC ?? 27;
  return Array.from({ length: count }, (_, minute) => {
    happens(minute, fridge);
    fridge.advance(1 / 60);
    const noisy = fridge.temperatureC + NOISE_C * (random() + random() - 1) * 2;
    return { sensor, atMs: start + minute * MINUTE, celsius: Math.round(noisy / STEP_C) * STEP_C };
  });
}

const during = (minute: number, from: number, to: number) => minute >= from && minute < to;
const each = (every: number) => (_: unknown, index: number) => index % every === 0;

/** A frost-free freezer: it cools to -22 °C, and its heater melts the frost each 40 h. */
function freezer(count: number, seed: number): Reading[] {
  const random = generator(seed);
  let celsius = -21;
  let cooling = false;
  return Array.from({ length: count }, (_, minute) => {
    const defrosting = minute % (40 * HOUR) >= 39 * HOUR && minute % (40 * HOUR) < 39 * HOUR + 24;
    if (celsius > -20) cooling = true;
    if (celsius < -23) cooling = false;
    const target = defrosting ? 10 : cooling ? -32 : 4;
    const tau = defrosting ? 26 : cooling ? 30 : 420;
    celsius += (target - celsius) / tau;
    const noisy = celsius + NOISE_C * (random() + random() - 1) * 2;
    return { sensor: 'freezer', atMs: START + minute * MINUTE, celsius: Math.round(noisy / STEP_C) * STEP_C };
  });
}

const CASES: Record<string, () => Reading[]> = {
  'mains-out-overnight': () =>
    minutes(30 * HOUR, { seed: 1, tauHours: 14 }, (minute, fridge) => {
      fridge.mains = !during(minute, 20 * HOUR, 26.5 * HOUR);
    }),

  'door-ajar': () =>
    minutes(14 * HOUR, { seed: 2, tauHours: 10 }, (minute, fridge) => {
      const visits = [7, 8.2, 9.5, 10.1].map((hour) => Math.round(hour * HOUR));
      fridge.doorOpen = visits.includes(minute) || during(minute, 11 * HOUR, 11 * HOUR + 55);
    }),

  'freezer-defrost': () => freezer(4 * DAY, 3).filter(each(4)),

  'probe-unplugged': () =>
    minutes(10 * HOUR, { seed: 4 }, () => {}).map((reading, minute) => {
      // A loose plug, the value of a probe that has just got its power, and a bridge that says -127 of no probe.
      if (during(minute, 4 * HOUR, 4 * HOUR + 3)) return { ...reading, celsius: 85 };
      if (during(minute, 6 * HOUR, 6 * HOUR + 40)) return { ...reading, celsius: -127 };
      return reading;
    }),

  'probes-swapped': () => {
    const fridge = minutes(9 * HOUR, { seed: 5 }, () => {});
    const cold = freezer(9 * HOUR, 6);
    return fridge.flatMap((reading, minute) => {
      const swapped = minute >= 5 * HOUR;
      const other = cold[minute]!;
      return swapped
        ? [
            { ...reading, celsius: other.celsius },
            { ...other, celsius: reading.celsius },
          ]
        : [reading, other];
    });
  },

  'naked-probe-in-the-door': () => {
    const random = generator(7);
    let extra = 0;
    return minutes(26 * HOUR, { seed: 7 }, () => {}).map((reading, minute) => {
      const hour = (minute / HOUR) % 24;
      // Sixteen openings a day; out of its bottle the probe follows the air of the room at once.
      if (during(hour, 8, 16) && random() < 16 / (8 * HOUR)) extra = 5 + 4 * random();
      const celsius = Math.round((reading.celsius! + extra) / STEP_C) * STEP_C;
      extra *= 0.72;
      return { ...reading, celsius };
    });
  },

  'clock-set-back': () =>
    minutes(12 * HOUR, { seed: 8, tauHours: 3 }, (minute, fridge) => {
      fridge.mains = minute < 6.5 * HOUR;
    }).map((reading, minute) => ({
      ...reading,
      atMs: reading.atMs - (minute >= 6 * HOUR ? HOUR * MINUTE : 0),
    })),

  'clock-from-1970': () =>
    minutes(9 * HOUR, { seed: 9, tauHours: 3 }, (minute, fridge) => {
      fridge.mains = minute < 5 * HOUR;
    }).map((reading, minute) => ({ ...reading, atMs: minute < 90 ? minute * MINUTE : reading.atMs })),

  'once-an-hour': () =>
    minutes(6 * DAY, { seed: 10, tauHours: 14 }, (minute, fridge) => {
      fridge.mains = !during(minute, 3 * DAY, 3 * DAY + 9 * HOUR);
    }).filter(each(HOUR)),

  'wild-values': () => {
    const random = generator(11);
    const wild = [60, -40, 85, 327.67, -127, 1e6, 0];
    return minutes(20 * HOUR, { seed: 11 }, () => {}).map((reading) =>
      random() < 0.01 ? { ...reading, celsius: wild[Math.floor(random() * wild.length)]! } : reading,
    );
  },

  'freezing-at-the-evaporator': () =>
    minutes(16 * HOUR, { seed: 12, onAboveC: 4.2, offBelowC: 2.6 }, () => {}).map((reading, minute) => {
      // The thermostat is turned down, and the vials stand against the back wall.
      const depth = Math.min(5.8, Math.max(0, (minute - 8 * HOUR) / 40));
      return { ...reading, celsius: Math.round((reading.celsius! - depth) / STEP_C) * STEP_C };
    }),

  restock: () =>
    minutes(20 * HOUR, { seed: 13, tauHours: 8 }, () => {}).map((reading, minute) => {
      // Goods from the vehicle at 14 °C: the air is back first, the probe in its bottle after them.
      const since = minute - 12 * HOUR;
      const extra = since < 0 ? 0 : 6 * Math.min(1, since / 8) * Math.exp(-Math.max(0, since - 8) / 45);
      return { ...reading, celsius: Math.round((reading.celsius! + extra) / STEP_C) * STEP_C };
    }),
};

function csv(readings: readonly Reading[]): string {
  const rows = readings.map(({ sensor, atMs, celsius }) => {
    const at = `${new Date(atMs).toISOString().slice(0, 16)}Z`;
    return `${sensor},${at},${celsius === null ? '' : Number(celsius.toFixed(4))}`;
  });
  return `sensor,ts_utc_iso,temperature_c\n${rows.join('\n')}\n`;
}

const only = process.argv[2];
for (const [name, readings] of Object.entries(CASES)) {
  if (only !== undefined && only !== name) continue;
  const file = join(HERE, name, 'readings.csv');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, csv(readings()));
}
