import { HOUR, MINUTE } from '../../core/durations.js';
import { own } from '../../core/own.js';
import type { Label } from './labels.js';

/*
 * How alarms compare with labels. The unit of counting is the event: it is found in time when an alarm is raised
 * within it, before it became unsafe (or within an hour of its onset where it never does). An alarm outside every
 * event is false; several of one sensor within an hour are one.
 */
/** A fault's end is not the end of what it did: an alarm in this time after it belongs to it. */
const AFTER_MS = 2 * HOUR;
const WARNED_MS = 10 * MINUTE;
const WEEK_MS = 7 * 24 * HOUR;

export interface Raised {
  sensor: string;
  rule: string;
  summary: string;
  atMs: number;
  /** When it was over; undefined: never. */
  untilMs?: number;
}

export interface Observed {
  sensor: string;
  firstMs: number;
  lastMs: number;
}

export function score(labels: readonly Label[], raised: readonly Raised[], observed: readonly Observed[]) {
  const faults = labels.filter((label) => !label.benign);
  const judged = faults.map((label) => judgeEvent(label, raised));
  const falseAlarms = falseOnes(faults, raised);
  const timely = judged.filter((j) => j.timely).length;
  const unsafe = judged.filter((j) => j.label.unsafeMs !== null);
  const weeks = observed.reduce((sum, o) => sum + (o.lastMs - o.firstMs), 0) / WEEK_MS;
  const precision = ratio(timely, timely + falseAlarms.length);
  const recall = ratio(timely, faults.length);
  return {
    unit: 'event',
    events: faults.length,
    timely,
    late: judged.filter((j) => j.alarm && !j.timely).length,
    missed: judged.filter((j) => !j.alarm).length,
    false_alarms: falseAlarms.length,
    precision,
    recall,
    f1: precision === null || recall === null ? null : ratio(2 * precision * recall, precision + recall),
    sensor_weeks: round(weeks),
    false_alarms_per_sensor_week: ratio(falseAlarms.length, weeks),
    unsafe_events: unsafe.length,
    unsafe_warned_10min: ratio(unsafe.filter((j) => (j.leadMs ?? -1) >= WARNED_MS).length, unsafe.length),
    by_kind: Object.fromEntries(
      [...new Set(faults.map((f) => f.kind))].sort().map((kind) => [kind, ofKind(kind, judged)]),
    ),
    false_by_rule: countBy(falseAlarms.map((a) => a.rule)),
    minutes: perMinute(faults, raised, observed),
  };
}

interface Judged {
  label: Label;
  alarm: Raised | undefined;
  timely: boolean;
  leadMs: number | null;
}

function judgeEvent(label: Label, raised: readonly Raised[]): Judged {
  const { sensor, onsetMs, endMs, unsafeMs } = label;
  const alarm = raised.find((a) => a.sensor === sensor && a.atMs >= onsetMs && a.atMs <= endMs);
  const deadline = unsafeMs ?? onsetMs + HOUR;
  const leadMs = alarm && unsafeMs !== null ? unsafeMs - alarm.atMs : null;
  return { label, alarm, timely: alarm !== undefined && alarm.atMs <= deadline, leadMs };
}

function falseOnes(faults: readonly Label[], raised: readonly Raised[]): Raised[] {
  const outside = raised.filter(
    (a) => !faults.some((f) => f.sensor === a.sensor && a.atMs >= f.onsetMs && a.atMs <= f.endMs + AFTER_MS),
  );
  const last = new Map<string, number>();
  return outside.filter(({ sensor, atMs }) => {
    const counted = atMs - (last.get(sensor) ?? Number.NEGATIVE_INFINITY) > HOUR;
    last.set(sensor, atMs);
    return counted;
  });
}

function ofKind(kind: string, judged: readonly Judged[]) {
  const own = judged.filter((j) => j.label.kind === kind);
  const found = own.filter((j) => j.alarm);
  const leads = own.flatMap((j) => (j.leadMs === null ? [] : [j.leadMs / HOUR]));
  return {
    events: own.length,
    found: found.length,
    timely: own.filter((j) => j.timely).length,
    median_delay_min: middle(found.map((j) => (j.alarm!.atMs - j.label.onsetMs) / MINUTE)),
    median_lead_h: middle(leads),
    rules: countBy(found.map((j) => j.alarm!.rule)),
  };
}

/** The unit is the minute: an alarm stands, a fault stands. */
function perMinute(faults: readonly Label[], raised: readonly Raised[], observed: readonly Observed[]) {
  let [tp, fp, fn, tn] = [0, 0, 0, 0];
  for (const { sensor, firstMs, lastMs } of observed) {
    const clip = (from: number, to: number) => [Math.max(from, firstMs), Math.min(to, lastMs)] as const;
    const alarm = union(
      raised.filter((a) => a.sensor === sensor).map((a) => clip(a.atMs, a.untilMs ?? lastMs)),
    );
    const fault = union(faults.filter((f) => f.sensor === sensor).map((f) => clip(f.onsetMs, f.endMs)));
    const both = overlap(alarm, fault);
    tp += both;
    fp += length(alarm) - both;
    fn += length(fault) - both;
    tn += lastMs - firstMs - length(alarm) - length(fault) + both;
  }
  const inMinutes = (ms: number) => Math.round(ms / MINUTE);
  return { unit: 'minute', tp: inMinutes(tp), fp: inMinutes(fp), fn: inMinutes(fn), tn: inMinutes(tn) };
}

type Span = readonly [number, number];

function union(spans: readonly Span[]): Span[] {
  const out: [number, number][] = [];
  for (const [from, to] of [...spans].filter(([a, b]) => b > a).sort((a, b) => a[0] - b[0])) {
    const last = out.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else out.push([from, to]);
  }
  return out;
}

const length = (spans: readonly Span[]) => spans.reduce((sum, [from, to]) => sum + to - from, 0);

function overlap(a: readonly Span[], b: readonly Span[]): number {
  let sum = 0;
  for (const [from, to] of a) for (const [f, t] of b) sum += Math.max(0, Math.min(to, t) - Math.max(from, f));
  return sum;
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (own(counts, name) ?? 0) + 1;
  return counts;
}

const round = (value: number) => Math.round(value * 1000) / 1000;
const ratio = (a: number, b: number) => (b === 0 ? null : round(a / b));

function middle(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return round(sorted[Math.floor(sorted.length / 2)]!);
}
