import {
  DWELL_START,
  ruleSchema,
  stepThreshold,
  type ThresholdRule,
  type ThresholdState,
  thresholdZone,
} from '../../core/detect/rules.js';
import { DAY, MINUTE } from '../../core/durations.js';
import type { DayVerdict, LoggerAlarm, LoggerFile, LoggerRow } from './parse.js';

/*
 * Our rules on the logger's own samples, in the logger's own terms: for each day and limit the minutes beyond it,
 * and when the alarm stood (00:00 when it already stood at midnight). A single continuous event alarms; the
 * accumulated minutes of a day are recorded and never alarm.
 */

interface Sample {
  at: number;
  milli: number;
}

export function verdictOf(file: LoggerFile): DayVerdict[] {
  const samples = samplesOf(file);
  const zone = file.zoneHours * 60 * MINUTE;
  const days = new Map<string, { values: number[]; alarms: DayVerdict['alarms'] }>();
  for (const { at, valueC } of file.rows) {
    const day = days.get(dateOf(at, zone)) ?? { values: [], alarms: [] };
    if (valueC !== null) day.values.push(valueC);
    days.set(dateOf(at, zone), day);
  }
  for (const alarm of file.alarms) {
    const byDay = alarmByDay(alarm, samples, file.intervalMin * MINUTE, zone);
    for (const [date, day] of days) {
      const found = byDay.get(date);
      day.alarms.push({
        index: alarm.index,
        accumulatedMin: Math.round((found?.outsideMs ?? 0) / MINUTE),
        raisedAt: found?.raisedAt ?? null,
      });
    }
  }
  return [...days].map(([date, { values, alarms }]) => ({
    date,
    minC: values.length > 0 ? Math.min(...values) : null,
    maxC: values.length > 0 ? Math.max(...values) : null,
    meanC:
      values.length > 0 ? Math.round((values.reduce((a, b) => a + b, 0) / values.length) * 10) / 10 : null,
    alarms,
  }));
}

/**
 * In the minutes after activation a logger measures and counts, but shows no value: the next value stands for them.
 * Where a value is missing later, the probe was off, and nothing stands for it.
 */
function samplesOf({ rows, activatedAt, delayMin }: LoggerFile): Sample[] {
  const warmUpEnd = activatedAt === null ? Number.NEGATIVE_INFINITY : activatedAt + delayMin * MINUTE;
  return rows.flatMap((row, i) => {
    const valueC = row.valueC ?? (row.at <= warmUpEnd && row.outside ? nextValue(rows, i) : null);
    return valueC === null ? [] : [{ at: row.at, milli: Math.round(valueC * 1000) }];
  });
}

const nextValue = (rows: readonly LoggerRow[], i: number) =>
  rows.slice(i).find((row) => row.valueC !== null)?.valueC ?? null;

function alarmByDay(alarm: LoggerAlarm, samples: readonly Sample[], intervalMs: number, zone: number) {
  const rule = ruleSchema.parse({
    kind: 'threshold',
    name: `alarm-${alarm.index}`,
    side: alarm.side,
    limit: alarm.limitC,
    dwell: `${alarm.dwellMin}m`,
    gap: `${intervalMs * 1.5}ms`,
  }) as ThresholdRule;
  const days = new Map<string, { outsideMs: number; raisedAt: string | null }>();
  const dayOf = (at: number) => {
    const date = dateOf(at, zone);
    const day = days.get(date) ?? { outsideMs: 0, raisedAt: null };
    days.set(date, day);
    return day;
  };
  let state: ThresholdState = DWELL_START;
  samples.forEach(({ at, milli }, i) => {
    const before = state;
    const step = stepThreshold(rule, state, at, milli);
    state = step.state;
    if (step.transition?.kind === 'raised') dayOf(at).raisedAt ??= clockOf(at, zone);
    const previous = samples[i - 1];
    const standing = before.phase === 'active' && state.phase === 'active';
    if (standing && previous && dateOf(previous.at, zone) !== dateOf(at, zone)) dayOf(at).raisedAt = '00:00';
    if (thresholdZone(rule, milli) !== 'outside') return;
    const next = samples[i + 1]?.at ?? at + intervalMs;
    addOutside(dayOf, at, Math.min(next, at + intervalMs), zone);
  });
  return days;
}

/** Adds [from, to) to the day or days that it touches. */
function addOutside(
  dayOf: (at: number) => { outsideMs: number },
  from: number,
  to: number,
  zone: number,
): void {
  const midnight = Math.ceil((from + zone + 1) / DAY) * DAY - zone;
  dayOf(from).outsideMs += Math.min(to, midnight) - from;
  if (to > midnight) dayOf(midnight).outsideMs += to - midnight;
}

const dateOf = (at: number, zone: number) => new Date(at + zone).toISOString().slice(0, 10);
const clockOf = (at: number, zone: number) => new Date(at + zone).toISOString().slice(11, 16);
