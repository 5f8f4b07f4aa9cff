import type { Logger } from 'pino';
import { type Clock, sleep } from '../../core/clock/clock.js';
import { messageOf } from '../../core/errors.js';
import { QUANTITIES, type Quantity, showMilli } from '../../core/units.js';
import { doorOf } from '../config/door.js';
import type { ResolvedSite } from '../config/resolve.js';
import type { Lines } from '../drivers/driver.js';
import { loadDrivers } from '../drivers/open.js';
import { Board, type SensorBoard } from '../ingest/board.js';
import { IdentityBook } from '../ingest/identity.js';
import { Ingest } from '../ingest/ingest.js';
import { Poller } from '../ingest/poll.js';
import { type Check, fail, pass } from './check.js';

const LOOK_MS = 200;

/** What /api/status of a running agent says of a sensor: the parts that are looked at here. */
interface Reported {
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
    if (fresh.length > 0) return pass(name, fresh.map(({ value, unit }) => `${value} ${unit}`).join(', '));
    return fail(
      name,
      entry.last_problem?.text ?? 'nothing believable of late: check the probe and its cable',
    );
  });
}

/** Without an agent: opens the drivers, and waits until each sensor has said something or the time is over. */
export async function ownSensors(
  site: ResolvedSite,
  lines: () => Lines,
  waitMs: number,
  clock: Clock,
  log: Logger,
): Promise<Check[]> {
  const contacts = site.config.contacts.map(({ id, name }) => ({ id, name: name ?? id }));
  const board = new Board([...site.sensors, ...contacts]);
  const doors = new Map(site.sensors.map((sensor) => [sensor.id, doorOf(sensor)]));
  const identities = new IdentityBook({}, new Map(), () => {});
  const ingest = new Ingest(
    { doors, clock, timeline: () => clock.mono(), board, identities },
    { readings: (_readings, receipt) => receipt?.(), failure: () => {}, identity: () => {} },
  );
  const store = {
    whenKept: (fn: () => void) => fn(),
    addReceipt: () => {},
    receipts: () => new Float64Array(),
  };
  const drivers = await (await loadDrivers(site))({ clock, lines, store, log, passing: true });
  const failures: Check[] = [];
  for (const driver of drivers) {
    await driver.start(ingest).catch((error: unknown) => failures.push(fail('a driver', messageOf(error))));
  }
  const poller = new Poller(
    drivers.flatMap((driver) => driver.probes),
    clock,
    ingest,
    () => {},
  );
  const end = clock.mono() + waitMs;
  const settled = ({ good, problems }: SensorBoard) => good > 0 || problems > 0;
  while (clock.mono() < end && ![...board.sensors.values()].every(settled)) await sleep(clock, LOOK_MS);
  poller.stop();
  await Promise.allSettled(drivers.map((driver) => driver.stop()));
  const roles = new Map(site.config.contacts.map(({ id, role }) => [id, role]));
  const checks = [...board.sensors].map(([id, entry]) => judged(entry, roles.get(id), waitMs));
  return [...failures, ...checks];
}

const POSITIONS = { mains: ['out', 'there'], door: ['closed', 'open'] } as const;

function inWords({ last }: SensorBoard, role: keyof typeof POSITIONS | undefined): string {
  const position = last.contact && role && POSITIONS[role][last.contact.milli === 0 ? 0 : 1];
  if (position) return position;
  const values = Object.entries(last);
  return values.map(([quantity, { milli }]) => showMilli(milli, QUANTITIES[quantity as Quantity])).join(', ');
}

function judged(entry: SensorBoard, role: keyof typeof POSITIONS | undefined, waitMs: number): Check {
  const { name, good, lastProblem } = entry;
  if (good > 0) return pass(name, inWords(entry, role));
  if (lastProblem) return fail(name, lastProblem.text);
  const advice =
    'wake it (a button, a warm hand) and look again; if it stays silent check power, range and topic';
  return fail(name, `nothing came in ${waitMs / 1000} s: ${advice}`);
}
