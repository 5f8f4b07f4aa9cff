import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { pino } from 'pino';
import { stringify } from 'yaml';
import type { Decoded, Driver, Lines } from '../../agent/drivers/driver.js';
import { openLines } from '../../agent/drivers/gpio/lines.js';
import { loadDrivers } from '../../agent/drivers/open.js';
import { Poller } from '../../agent/ingest/poll.js';
import { loadSite } from '../../agent/site/load.js';
import type { ResolvedSite } from '../../agent/site/resolve.js';
import type { WallMs } from '../../core/clock/clock.js';
import { SystemClock } from '../../host/clock.js';
import { W1Tree } from '../world/probes/w1.js';

/** The device under test, as the site file calls it. */
export const PROBE = 'probe';
export const NEIGHBOUR = 'neighbour';
const NEIGHBOUR_ROM = '28-0000000000ee';
const NEIGHBOUR_C = 3.5;

/** The machine's clock; its wall time can be stepped, as NTP, DST of a wrong program or a person does. */
class SteppedClock extends SystemClock {
  #shiftMs = 0;

  step(ms: number): void {
    this.#shiftMs += ms;
  }

  override wall(): WallMs {
    return (super.wall() + this.#shiftMs) as WallMs;
  }
}

/** A ring that keeps at once. */
const STORE = {
  receipts: () => new Float64Array(),
  addReceipt: () => {},
  whenKept: (fn: () => void) => fn(),
  hurry: () => {},
};

/** The drivers of a site file with the agent's own poller above them, and what they deliver. */
export class Bench {
  readonly clock = new SteppedClock();
  readonly heard: { sensor: string; value: number; atMs: number }[] = [];
  readonly problems: { sensor: string; text: string }[] = [];
  readonly #site: ResolvedSite;
  #drivers: Driver[] = [];
  #lines: Lines | undefined;
  #poller: Poller | undefined;

  /** `site` names one sensor or contact, PROBE; a 1-wire probe on a bus of its own is put beside it. */
  constructor(folder: string, site: { sensors?: object[]; [part: string]: unknown }) {
    const roots = { w1_root: `${folder}/w1`, ...(site.gpio as { w1_root?: string } | undefined) };
    const tree = new W1Tree(roots.w1_root);
    mkdirSync(`${folder}/neighbour/${NEIGHBOUR_ROM}`, { recursive: true });
    symlinkSync(`${folder}/neighbour/${NEIGHBOUR_ROM}`, `${tree.root}/${NEIGHBOUR_ROM}`);
    tree.set(NEIGHBOUR_ROM, NEIGHBOUR_C);
    const neighbour = {
      id: NEIGHBOUR,
      model: 'maxim/ds18b20',
      source: { kind: 'w1', rom: NEIGHBOUR_ROM },
      every: '200ms',
    };
    const file = `${folder}/site.yaml`;
    writeFileSync(
      file,
      stringify({
        clinic: { id: 'c', name: 'Clinic' },
        gateway: 'gw',
        data: `${folder}/data`,
        ...site,
        gpio: roots,
        sensors: [...(site.sensors ?? []), neighbour],
      }),
    );
    const loaded = loadSite(file);
    if (!('value' in loaded)) throw new Error(JSON.stringify(loaded.problems));
    this.#site = loaded.value;
  }

  async start(): Promise<void> {
    const open = await loadDrivers(this.#site);
    const { clock } = this;
    const root = this.#site.config.gpio.root;
    const lines = () => {
      this.#lines ??= openLines(root, clock);
      return this.#lines;
    };
    this.#drivers = await open({ clock, lines, store: STORE, log: pino({ level: 'silent' }) });
    const payload = (sensor: string, { samples, problems }: Decoded, receipt?: () => void) => {
      for (const { value, unit, quantity, fault } of samples) {
        if (quantity === 'humidity') continue;
        if (fault === undefined)
          this.heard.push({ sensor, value: unit.startsWith('m') ? value / 1000 : value, atMs: clock.mono() });
        else this.problems.push({ sensor, text: fault });
      }
      for (const text of problems) this.problems.push({ sensor, text });
      receipt?.();
    };
    const failed = (sensor: string, text: string) => void this.problems.push({ sensor, text });
    for (const driver of this.#drivers) await driver.start({ payload, unknown: () => {} });
    const probes = this.#drivers.flatMap((driver) => driver.probes);
    this.#poller = new Poller(probes, clock, { payload, failed }, () => {});
  }

  async stop(): Promise<void> {
    this.#poller?.stop();
    await Promise.all(this.#drivers.splice(0).map((driver) => driver.stop()));
    this.#lines?.close();
    this.#lines = undefined;
  }
}
