import type { Clock } from '../../core/clock/clock.js';
import type { AlertBody } from '../../core/contract/messages.js';
import type { Reading } from '../../core/reading.js';
import { fromMilli, QUANTITIES, type Quantity } from '../../core/units.js';
import type { Alarm } from '../alarm/alarm.js';
import type { AlarmSensor } from '../alarm/state.js';
import { alarmSensors } from '../config/alarm-sensors.js';
import { innermostLimits } from '../config/limits.js';
import type { ResolvedSite } from '../config/resolve.js';
import type { Forwarder, ForwardState } from '../forward/forward.js';
import type { GivenUpRows } from '../given-up.js';
import type { Board, SensorBoard } from '../ingest/board.js';
import type { Ring } from '../ring/port.js';
import type { Starts } from '../starts.js';
import type { Sources } from './metrics.js';

/** What became of the site file since the program started. */
export interface SiteFile {
  loadedAt: number;
  /** Why a changed file was refused; empty when what runs is what is written. */
  problems: string[];
  /** What the file that was taken last left behind of the one before. */
  leftBehind: string[];
}

export interface Parts {
  site: ResolvedSite;
  file: SiteFile | undefined;
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
    site_file: file
      ? { loaded_at: iso(file.loadedAt), problems: file.problems, left_behind: file.leftBehind }
      : null,
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
  const problem = lastProblem && { text: lastProblem.text, at: iso(lastProblem.wallMs) };
  return { name, last, good, bad, problems, repeated, last_problem: problem };
}

const CHANNEL = ['sensor', 'quantity', 'unit'] as const;
type Labelled = [labels: Record<string, string>, value: number];

/** Of a channel with rules: below and above which they count. */
function limitsOf(site: ResolvedSite): Labelled[] {
  return site.sensors.flatMap(({ id: sensor, allRules }) =>
    [...innermostLimits(allRules)].flatMap(([quantity, [low, high]]) => {
      const labels = { sensor, quantity, unit: QUANTITIES[quantity] };
      const entry = (side: string, milli: number | null): Labelled[] =>
        milli === null ? [] : [[{ ...labels, side }, fromMilli(milli)]];
      return [...entry('low', low), ...entry('high', high)];
    }),
  );
}

function alertsOf(alarm: Alarm): Labelled[] {
  const counts = new Map<string, Labelled>();
  for (const { sensor, alert_type, severity } of alarm.open) {
    const key = `${sensor}/${alert_type}/${severity}`;
    const entry = counts.get(key) ?? [{ sensor, alert_type, severity }, 0];
    entry[1] += 1;
    counts.set(key, entry);
  }
  return [...counts.values()];
}

/** Of each sensor what it measures. */
function perChannel(board: Board, read: (reading: Reading) => number) {
  return [...board.sensors].flatMap(([sensor, entry]) =>
    Object.values(entry.last)
      .filter((reading) => reading.quality !== 'bad')
      .map(
        (reading): Labelled => [
          { sensor, quantity: reading.quantity, unit: QUANTITIES[reading.quantity] },
          read(reading),
        ],
      ),
  );
}

export function statusSources({ site, board, ring, alarm, forward }: Parts): Sources {
  const perSensor = (read: (entry: SensorBoard) => number) => () =>
    [...board.sensors].map(([sensor, entry]): Labelled => [{ sensor }, read(entry)]);
  return {
    readings_good: {
      labels: ['sensor'],
      help: 'Good readings since start.',
      read: perSensor((entry) => entry.good),
    },
    readings_bad: {
      labels: ['sensor'],
      help: 'Readings that plausibility refused, since start.',
      read: perSensor((entry) => entry.bad),
    },
    problems: {
      labels: ['sensor'],
      help: 'Failed reads and malformed payloads since start.',
      read: perSensor((entry) => entry.problems),
    },
    reading: {
      labels: CHANNEL,
      help: 'Last good reading of a sensor, in its own unit (contacts: 1 while active).',
      read: () => perChannel(board, (reading) => fromMilli(reading.milli)),
    },
    reading_time_seconds: {
      labels: CHANNEL,
      help: 'When that was measured.',
      read: () => perChannel(board, (reading) => (reading.deviceMs ?? reading.wallMs) / 1000),
    },
    unknown_messages: {
      help: 'Messages of no configured sensor since start.',
      read: () => [...board.unknown.values()].reduce((sum, seen) => sum + seen.count, board.unknownBeyond),
    },
    sensor_limit: {
      labels: [...CHANNEL, 'side'],
      help: 'The narrowest limits of a sensor’s rules.',
      read: () => limitsOf(site),
    },
    sensor_alerts_open: {
      labels: ['sensor', 'alert_type', 'severity'],
      help: 'Alerts of a sensor that are open now.',
      read: () => alertsOf(alarm),
    },
    alerts_open: { help: 'Alerts open now.', read: () => alarm.open.length },
    ring_rows: { help: 'Readings in the ring.', read: () => ring.stats().rows },
    ring_waiting: { help: 'Readings not yet on the card.', read: () => ring.stats().waiting },
    ring_thinned: {
      help: 'Readings summed up before they were sent, since start.',
      read: () => ring.stats().thinned,
    },
    ring_overwritten: {
      help: 'Summaries dropped before they were sent, since start.',
      read: () => ring.stats().overwritten,
    },
    ring_commits: { help: 'Commits since start.', read: () => ring.stats().commits },
    ring_commit_ms: { help: 'Time of the last commit in ms.', read: () => ring.stats().lastCommitMs },
    relay_connected: {
      help: '1 while the relay answers.',
      read: () => (forward?.state.now.connected ? 1 : 0),
    },
    relay_backlog: {
      help: 'Rows that the relay does not hold yet.',
      read: () => forward?.forwarder.backlog ?? 0,
    },
    relay_given_up: {
      help: 'Rows in the ring that the relay will never take.',
      read: () => forward?.forwarder.givenUp ?? 0,
    },
    relay_sent_bytes: {
      help: 'Bytes of request bodies since start.',
      read: () => forward?.forwarder.sentBytes ?? 0,
    },
  };
}
