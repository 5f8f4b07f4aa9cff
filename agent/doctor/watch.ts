import type { Logger } from 'pino';
import type { Clock } from '../../core/clock/clock.js';
import { QUANTITIES, type Quantity, showMilli, toMilli } from '../../core/units.js';
import type { ResolvedSite } from '../site/resolve.js';
import { readBoot } from '../watch/boot.js';
import { lazyLines } from '../wire/lines.js';
import { runningAgent } from './running.js';
import { inWords, type Reported, visitSensors } from './sensors.js';
import type { Seen } from './table.js';

export interface Watch {
  look(): Promise<Seen[]>;
  stop(): Promise<void>;
}

/** Watches what a running agent reads, or opens the drivers itself where none runs. */
export async function watchSensors(site: ResolvedSite, log: Logger): Promise<Watch & { clock: Clock }> {
  const { config } = site;
  const { clock } = readBoot(config.clock.synchronised_file);
  if (await runningAgent(config, clock)) {
    const look = async () => ((await runningAgent(config, clock))?.sensors ?? []).map(seenOfAgent);
    return { clock, look, stop: async () => {} };
  }
  const lines = lazyLines(config.gpio.root, clock);
  const visited = await visitSensors(site, lines, clock, log);
  const roles = new Map(config.contacts.map(({ id, role }) => [id, role]));
  return {
    clock,
    async look() {
      return [...visited.board.sensors].map(([id, entry]) => {
        const { name, last, lastProblem } = entry;
        const times = Object.values(last).map(({ wallMs }) => wallMs);
        const atMs = times.length > 0 ? Math.max(...times) : null;
        const stale = lastProblem !== null && (atMs === null || lastProblem.wallMs > atMs);
        return {
          name,
          shows: inWords(entry, roles.get(id)),
          atMs,
          temperatureMilli: last.temperature?.milli ?? null,
          problem: stale ? lastProblem.text : null,
        };
      });
    },
    async stop() {
      await visited.stop();
      lines.close();
    },
  };
}

function seenOfAgent({ name, last, last_problem: problem }: Reported): Seen {
  const values = Object.entries(last);
  const times = values.map(([, { at }]) => Date.parse(at));
  const atMs = times.length > 0 ? Math.max(...times) : null;
  const milli = (quantity: string, value: number) => toMilli(value, QUANTITIES[quantity as Quantity]);
  const stale = problem !== null && (atMs === null || Date.parse(problem.at) > atMs);
  return {
    name,
    shows: values
      .map(([quantity, { value }]) => showMilli(milli(quantity, value), QUANTITIES[quantity as Quantity]))
      .join(', '),
    atMs,
    temperatureMilli: last.temperature ? milli('temperature', last.temperature.value) : null,
    problem: stale ? problem.text : null,
  };
}
