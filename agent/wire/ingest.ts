import type { Logger } from 'pino';
import type { Clock } from '../../core/clock/clock.js';
import type { Alarm } from '../alarm/alarm.js';
import { identityCondition } from '../alarm/conditions.js';
import type { Board } from '../ingest/board.js';
import type { DeviceTimes } from '../ingest/device-times.js';
import { IdentityBook } from '../ingest/identity.js';
import { Ingest } from '../ingest/ingest.js';
import type { Ring } from '../ring/port.js';
import { inputChecksOf } from '../site/input-checks.js';
import type { ResolvedSite } from '../site/resolve.js';
import type { Heartbeat } from '../watch/heartbeat.js';
import { record } from './record.js';

export interface OpenIngestDeps {
  ring: Ring;
  alarm: Alarm;
  board: Board;
  times: DeviceTimes;
  heartbeat: Heartbeat;
  clock: Clock;
  log: Logger;
}

export function openIngest(site: ResolvedSite, deps: OpenIngestDeps): Ingest {
  const { ring, alarm, board, times, heartbeat, clock } = deps;
  const checks = new Map(site.sensors.map((sensor) => [sensor.id, inputChecksOf(sensor)]));
  const identities = new IdentityBook(
    ring.loadState('identity'),
    new Map(site.sensors.map(({ id, source }) => [id, 'device' in source ? source.device : undefined])),
    (known) => ring.saveState('identity', known),
  );
  return new Ingest(
    { checks, clock, timeline: () => ring.timeline(), board, identities, times },
    {
      readings: (readings, receipt) => {
        record(deps, readings, receipt);
        heartbeat.beat();
      },
      failure: (sensor, reason) => alarm.failure(sensor, reason),
      identity: (sensor, device, other) => alarm.condition(identityCondition(site, sensor, device, other)),
    },
  );
}
