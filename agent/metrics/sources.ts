import type { Reading } from '../../core/reading.js';
import { fromMilli, QUANTITIES } from '../../core/units.js';
import type { Alarm } from '../alarm/alarm.js';
import type { Parts } from '../console/status.js';
import type { Board, SensorBoard } from '../ingest/board.js';
import { innermostLimits } from '../site/limits.js';
import type { ResolvedSite } from '../site/resolve.js';
import type { Sources } from './metrics.js';

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

/** What Prometheus is told of this gateway. */
export function metricSources(parts: Parts): Sources {
  return { ...sensorSources(parts), ...ringSources(parts), ...relaySources(parts) };
}

function sensorSources({ site, board, alarm }: Parts): Sources {
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
  };
}

function ringSources({ ring, alarm }: Parts): Sources {
  return {
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
  };
}

function relaySources({ forward }: Parts): Sources {
  return {
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
