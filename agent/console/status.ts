import type { Clock } from '../../core/clock/clock.js';
import type { AlertBody } from '../../core/contract/messages.js';
import { fromMilli, QUANTITIES, type Quantity } from '../../core/units.js';
import type { Alarm } from '../alarm/alarm.js';
import type { AlarmSensor } from '../alarm/state.js';
import type { Forwarder } from '../forward/forward.js';
import type { ForwardState } from '../forward/options.js';
import type { Board, SensorBoard } from '../ingest/board.js';
import type { Ring } from '../ring/port.js';
import { alarmSensors } from '../site/alarm-sensors.js';
import type { SiteFile } from '../site/reload.js';
import type { ResolvedSite } from '../site/resolve.js';
import type { GivenUpRows } from '../watch/given-up.js';
import type { Starts } from '../watch/starts.js';

/** Of which status and metrics tell. */
export interface Parts {
  site: ResolvedSite;
  file: SiteFile;
  board: Board;
  ring: Ring;
  alarm: Alarm;
  forward: { forwarder: Forwarder; state: { now: ForwardState } } | undefined;
  givenUp: GivenUpRows;
  starts: Starts;
  clock: Clock;
}

const iso = (ms: number) => new Date(ms).toISOString();

/** GET /api/status: what this gateway knows of itself, for the technician's page and for scripts. */
export function agentStatus({ site, file, board, ring, alarm, forward, givenUp, starts, clock }: Parts) {
  const { clinic, gateway, data } = site.config;
  const watched = new Map(alarmSensors(site).map((sensor) => [sensor.id, sensor]));
  return {
    clinic: clinic.id,
    gateway,
    site_file: { loaded_at: iso(file.loadedAt), problems: file.problems, left_behind: file.leftBehind },
    now: iso(clock.wall()),
    clock_synchronised: clock.synchronised(),
    sensors: [...board.sensors].map(([id, entry]) => ({
      id,
      ...sensorStatus(entry),
      ...paceOf(watched.get(id), alarm),
    })),
    unknown_sources: [...board.unknown].map(([source, seen]) => ({ source, ...seen, at: iso(seen.wallMs) })),
    unknown_sources_beyond: board.unknownBeyond,
    not_started: starts.failing.map(({ since, ...part }) => ({ ...part, since: iso(since) })),
    open_alerts: alarm.open.map(withoutPeople),
    acknowledged: alarm.policyState.episodes.filter((e) => e.ackedMs !== null).map((e) => e.episodeId),
    ring: {
      folder: data,
      epoch: ring.epoch,
      readings: ring.durable('readings'),
      events: ring.durable('events'),
      ...ring.stats(),
    },
    relay: forward
      ? {
          ...forward.state.now,
          backlog: forward.forwarder.backlog,
          sent_bytes: forward.forwarder.sentBytes,
          given_up: { rows: forward.forwarder.givenUp, last: givenUp.shown },
        }
      : null,
  };
}

/** Anybody on the LAN may look: who answered an alarm, and with what words, is for the log. */
const withoutPeople = ({ by: _by, comment: _comment, ...alert }: AlertBody) => alert;

/** How often it reports, as far as that is known, and the rules that this is too seldom for. */
function paceOf(sensor: AlarmSensor | undefined, alarm: Alarm) {
  if (!sensor) return {};
  const cadence = alarm.cadence(sensor);
  return {
    cadence_s: cadence === undefined ? null : Math.round(cadence / 1000),
    asleep: alarm.asleep(sensor),
  };
}

function sensorStatus(entry: SensorBoard) {
  const last = Object.fromEntries(
    Object.entries(entry.last).map(([quantity, reading]) => [
      quantity,
      {
        value: fromMilli(reading.milli),
        unit: QUANTITIES[quantity as Quantity],
        quality: reading.quality,
        at: iso(reading.deviceMs ?? reading.wallMs),
      },
    ]),
  );
  const { name, good, bad, problems, repeated, lastProblem } = entry;
  const problem = lastProblem && {
    text: lastProblem.text,
    code: lastProblem.code,
    at: iso(lastProblem.wallMs),
  };
  return { name, last, good, bad, problems, repeated, last_problem: problem };
}
