import type { Validity } from '../../agent/ingest/plausibility.js';
import type { AlertBody, AlertMessage } from '../../core/contract/messages.js';
import type { Rule } from '../../core/detect/rules.js';
import type { Row } from './readings.js';
import { type EventCount, SensorReplay } from './replay.js';
import type { Observed, Raised } from './score.js';

const EPOCH = '0'.repeat(16);
/** Alarms kept for scoring. A file that gives more has something else to be said about it. */
const RAISED_MAX = 1_000_000;

export interface Backtest {
  readings: number;
  missing: number;
  /** Rows whose time was before, or the same as, the one before of their sensor: not evaluated. */
  outOfOrder: { count: number; firstLine: number | null };
  /** Sensors whose values make sense in °F only. */
  suspectUnit: string[];
  /** Rules that need more readings than came, by sensor. */
  asleep: Record<string, string[]>;
  raised: Raised[];
  observed: Observed[];
}

/** By what a sensor is watched. */
export interface Watched {
  rules: readonly Rule[];
  /** What its model says of values that are no measurements; undefined where no model is known. */
  validity?: Validity | undefined;
}

/** History through the agent's alarm: one sensor's rows must be in the order of time, sensors may be mixed. */
export async function runBacktest(
  rows: AsyncIterable<Row>,
  watchedBy: (sensor: string) => Watched,
  onAlert: (alert: AlertMessage) => void,
  onValue: (sensor: string, atMs: number, milli: number) => void = () => {},
): Promise<Backtest> {
  const replays = new Map<string, SensorReplay>();
  const result: Backtest = {
    readings: 0,
    missing: 0,
    outOfOrder: { count: 0, firstLine: null },
    suspectUnit: [],
    asleep: {},
    raised: [],
    observed: [],
  };
  const open = new Map<string, Raised>();
  const events: EventCount = { last: 0 };
  const heard = (alert: AlertBody) => {
    const atMs = Date.parse(alert.timestamp);
    if (alert.state === 'raised' && result.raised.length < RAISED_MAX) {
      const raised: Raised = { sensor: alert.sensor, rule: alert.rule, atMs, summary: alert.summary };
      open.set(alert.episode_id, raised);
      result.raised.push(raised);
    } else if (alert.state === 'cleared') {
      const raised = open.get(alert.episode_id);
      if (raised) raised.untilMs = atMs;
      open.delete(alert.episode_id);
    }
    onAlert({ ...alert, clinic: 'backtest', gateway: 'backtest', epoch: EPOCH, seq: events.last });
  };
  for await (const { sensor, atMs, milli, line } of rows) {
    let replay = replays.get(sensor);
    if (!replay) {
      const { rules, validity } = watchedBy(sensor);
      replay = new SensorReplay(sensor, rules, validity, events, heard);
      replays.set(sensor, replay);
    }
    if (atMs <= replay.lastMs) {
      result.outOfOrder.count += 1;
      result.outOfOrder.firstLine ??= line;
      continue;
    }
    replay.push(atMs, milli);
    if (milli !== null) onValue(sensor, atMs, milli);
  }
  for (const { sensor, samples, missing, firstMs, lastMs, looksLikeFahrenheit, asleep } of replays.values()) {
    if (asleep.length > 0) result.asleep[sensor] = asleep;
    if (looksLikeFahrenheit) result.suspectUnit.push(sensor);
    result.readings += samples - missing;
    result.missing += missing;
    result.observed.push({ sensor, firstMs, lastMs });
  }
  return result;
}
