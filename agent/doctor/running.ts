import type { Former } from '../config/left-behind.js';
import type { ResolvedSite } from '../config/resolve.js';
import type { Reported } from './sensors.js';

/** What /api/status of a running agent says, as far as it is looked at. */
export interface Running {
  gateway: string;
  sensors: readonly Reported[];
  open_alerts: readonly { sensor: string; alert_type: string }[];
  ring: { folder?: string };
  relay: { backlog: number } | null;
}

const ANSWER_MS = 3000;

export const formerOf = ({ ring, relay, sensors, open_alerts }: Running): Former => ({
  folder: ring.folder,
  unsent: relay?.backlog ?? null,
  watched: sensors.map(({ id }) => id),
  open: open_alerts,
});

/** The status of this site's agent, when it runs. */
export async function runningAgent({ http, gateway }: ResolvedSite['config']): Promise<Running | undefined> {
  const host = http.host === '0.0.0.0' ? '127.0.0.1' : http.host;
  try {
    const response = await fetch(`http://${host}:${http.port}/api/status`, {
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const status = (await response.json()) as Running;
    return status.gateway === gateway ? status : undefined;
  } catch {
    return undefined;
  }
}
