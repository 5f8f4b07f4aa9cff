import type { Logger } from 'pino';
import { asTimeline, type Clock, sleep } from '../../core/clock/clock.js';
import { messageOf } from '../../core/errors.js';
import { QUANTITIES, type Quantity, showDuration, showMilli, type Unit } from '../../core/units.js';
import type { Lines } from '../drivers/driver.js';
import { loadDrivers } from '../drivers/open.js';
import { Board, type SensorBoard } from '../ingest/board.js';
import { IdentityBook } from '../ingest/identity.js';
import { Ingest } from '../ingest/ingest.js';
import { Poller } from '../ingest/poll.js';
import { inputChecksOf } from '../site/input-checks.js';
import type { ResolvedSite } from '../site/resolve.js';
import { type Check, fail, pass, waiting } from './check.js';

const LOOK_MS = 200;

/** What /api/status of a running agent says of a sensor: the parts that are looked at here. */
export interface Reported {
  id: string;
  name: string;
  last: Record<string, { value: number; unit: string; quality: string; at: string }>;
  last_problem: { text: string; at: string } | null;
}

/** Through the agent that runs: it owns the ports. A sensor is well when its last reading is not older than three turns. */
export function reportedSensors(site: ResolvedSite, reported: readonly Reported[], nowMs: number): Check[] {
  return site.sensors.map(({ id, name, everyMs }) => {
    const entry = reported.find((s) => s.id === id);
    if (!entry)
      return fail(name, 'the running agent does not know it: has the site file been refused? See its log');
    const fresh = Object.values(entry.last).filter(
      ({ at, quality }) => quality !== 'bad' && nowMs - Date.parse(at) <= 3 * everyMs,
    );
    if (fresh.length > 0)
      return pass(
        name,
        fresh.map(({ value, unit }) => showMilli(Math.round(value * 1000), unit as Unit)).join(', '),
      );
    if (entry.last_problem) return fail(name, entry.last_problem.text);
    return Object.keys(entry.last).length > 0
      ? fail(name, 'nothing believable of late: check the probe and its cable')
      : waiting(name, unheard(everyMs));
  });
}

const unheard = (everyMs: number) =>
  `not heard yet, it reports each ${showDuration(everyMs)}: wake it (a button, a warm hand), or look again then`;

/** What a visit without a running agent reads; `failures` are drivers that did not start. */
export interface Visited {
  board: Board;
  failures: Check[];
  stop(): Promise<void>;
}

/** A visit takes what comes. */
const NO_TIMES = { newest: () => Number.NEGATIVE_INFINITY, take: () => {} };

/** Opens the drivers and samples, for as long as somebody looks; nothing is kept. */
export async function visitSensors(
  site: ResolvedSite,
  lines: () => Lines,
  clock: Clock,
  log: Logger,
): Promise<Visited> {
  const contacts = site.config.contacts.map(({ id, name }) => ({ id, name: name ?? id }));
  const board = new Board([...site.sensors, ...contacts]);
  const checks = new Map(site.sensors.map((sensor) => [sensor.id, inputChecksOf(sensor)]));
  const identities = new IdentityBook({}, new Map(), () => {});
  const ingest = new Ingest(
    { checks, clock, timeline: () => asTimeline(clock.mono()), board, identities, times: NO_TIMES },
    { readings: (_readings, receipt) => receipt?.(), failure: () => {}, identity: () => {} },
  );
  const store = {
    whenKept: (fn: () => void) => fn(),
    hurry: () => {},
    addReceipt: () => {},
    receipts: () => new Float64Array(),
  };
  const drivers = await (await loadDrivers(site))({ clock, lines, store, log, passing: true });
  const failures: Check[] = [];
  for (const driver of drivers) {
    await driver.start(ingest).catch((error: unknown) => failures.push(fail('a driver', messageOf(error))));
  }
  const probes = drivers.flatMap((driver) => driver.probes);
  const poller = new Poller(probes, clock, ingest, () => {});
  return {
    board,
    failures,
    async stop() {
      poller.stop();
      await Promise.allSettled(drivers.map((driver) => driver.stop()));
    },
  };
}

/** A probe that has failed so often while it was asked is not just slow to start. */
const FAILURES_SURE = 3;

/** Without an agent: reads until each sensor has said something believable, or surely does not, or the time is over. */
export async function ownSensors(
  site: ResolvedSite,
  lines: () => Lines,
  waitMs: number,
  clock: Clock,
  log: Logger,
): Promise<Check[]> {
  const { board, failures, stop } = await visitSensors(site, lines, clock, log);
  const end = clock.mono() + waitMs;
  const settled = ({ good, problems }: SensorBoard) => good > 0 || problems >= FAILURES_SURE;
  while (clock.mono() < end && ![...board.sensors.values()].every(settled)) await sleep(clock, LOOK_MS);
  await stop();
  const roles = new Map(site.config.contacts.map(({ id, role }) => [id, role]));
  const cadence = new Map(site.sensors.map(({ id, everyMs }) => [id, everyMs]));
  const checks = [...board.sensors].map(([id, entry]) =>
    judged(entry, roles.get(id), waitMs, cadence.get(id) ?? 0),
  );
  return [...failures, ...checks];
}

const POSITIONS = { mains: ['out', 'there'], door: ['closed', 'open'] } as const;

/** What a sensor says now: `4.2 °C, 45 % RH`, or a contact's position. */
export function inWords({ last }: SensorBoard, role: keyof typeof POSITIONS | undefined): string {
  const position = last.contact && role && POSITIONS[role][last.contact.milli === 0 ? 0 : 1];
  if (position) return position;
  const values = Object.entries(last);
  return values.map(([quantity, { milli }]) => showMilli(milli, QUANTITIES[quantity as Quantity])).join(', ');
}

function judged(
  entry: SensorBoard,
  role: keyof typeof POSITIONS | undefined,
  waitMs: number,
  everyMs: number,
): Check {
  const { name, good, lastProblem } = entry;
  if (good > 0) return pass(name, inWords(entry, role));
  if (lastProblem) return fail(name, lastProblem.text);
  if (everyMs >= waitMs) return waiting(name, unheard(everyMs));
  const advice =
    'wake it (a button, a warm hand) and look again; if it stays silent check power, range and topic';
  return fail(name, `nothing came in ${showDuration(waitMs)}: ${advice}`);
}
