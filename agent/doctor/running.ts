import { abortAfter, type Clock } from '../../core/clock/clock.js';
import { RING_FULL } from '../alarm/conditions.js';
import type { Former } from '../site/left-behind.js';
import type { ResolvedSite } from '../site/resolve.js';
import { type Check, fail, pass } from './check.js';
import type { Reported } from './sensors.js';

/** What /api/status of a running agent says, as far as it is looked at. */
export interface Running {
  gateway: string;
  sensors: readonly Reported[];
  open_alerts: readonly { sensor: string; alert_type: string }[];
  ring: { folder?: string; thinned: number; overwritten: number };
  relay: { backlog: number } | null;
}

/** `ring.full`: an agent that could not keep all that it has not sent. */
export function ringCheck({ ring: { thinned, overwritten }, relay }: Running): Check {
  if (thinned + overwritten === 0)
    return pass('ring', relay ? `${relay.backlog} rows are still to be sent` : 'it keeps all that it should');
  return fail(
    'ring',
    `${RING_FULL}; since the start ${thinned} readings and ${overwritten} summaries: see to the relay, or give it a larger ring.size_mb (ring.full)`,
  );
}

const ANSWER_MS = 3000;

export const formerOf = ({ ring, relay, sensors, open_alerts }: Running): Former => ({
  folder: ring.folder,
  unsent: relay?.backlog ?? null,
  watched: sensors.map(({ id }) => id),
  open: open_alerts,
});

/** The status of this site's agent, when it runs. */
export async function runningAgent(
  { http, gateway }: ResolvedSite['config'],
  clock: Clock,
): Promise<Running | undefined> {
  const host = http.host === '0.0.0.0' ? '127.0.0.1' : http.host;
  try {
    const status = await abortAfter(clock, ANSWER_MS, async (signal) => {
      const response = await fetch(`http://${host}:${http.port}/api/status`, { signal });
      return (await response.json()) as Running;
    });
    return status.gateway === gateway ? status : undefined;
  } catch {
    return undefined;
  }
}
