import type { Logger } from 'pino';
import type { Clock } from '../../core/clock/clock.js';
import { logged } from '../../core/errors.js';
import { Alarm } from '../alarm/alarm.js';
import type { Annunciator } from '../annunciate/annunciator.js';
import type { Ring } from '../ring/port.js';
import { alarmSensors } from '../site/alarm-sensors.js';
import type { ResolvedSite } from '../site/resolve.js';

/** The alarm of a site, and the annunciator in its service. */
export function openAlarm(
  site: ResolvedSite,
  { ring, clock, log, annunciator }: { ring: Ring; clock: Clock; log: Logger; annunciator: Annunciator },
): Alarm {
  const alarm = new Alarm({
    gateway: site.config.gateway,
    sensors: alarmSensors(site),
    policy: site.config.alarm,
    ring,
    clock,
    annunciate: (effect, openEpisodes) => annunciator.carryOut(effect, openEpisodes),
    onProblem: (error) =>
      log.error(logged(error), 'what the alarm knew of before is not all there: it goes on without'),
  });
  annunciator.serve(alarm);
  return alarm;
}
