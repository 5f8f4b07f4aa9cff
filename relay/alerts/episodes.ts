import { createHash } from 'node:crypto';
import { remember, touch } from '../../core/bounded.js';
import {
  type AlertBody,
  type AlertMessage,
  type AlertType,
  placeOf,
  type Severity,
  WORDS_MAX,
} from '../../core/contract/messages.js';
import {
  type Finding,
  type FindingKind,
  type FindingSubject,
  subjectOf,
} from '../../core/contract/streams.js';
import { MINUTE } from '../../core/durations.js';
import { own } from '../../core/own.js';
import { idOf, RULE } from './port.js';

/** What is further back is history that came late: nobody is called for it. */
const HISTORY_MS = 60 * MINUTE;
const EPISODES_MAX = 20_000;
/**
 * A window that is taken back is often found again with the next reading: only once it has stayed away for so long, its
 * alert is over. A reading comes within the minute, and ten seconds is how long gateways wait for company.
 */
export const TAKEN_BACK_MS = 90_000;

interface Meaning {
  type: AlertType;
  severity: Severity;
  kpi: string;
  unit: string;
  /** What ends it; without, it has ended when it has not been found again for `quietMs`. */
  end?: FindingKind;
  quietMs?: number;
  /** Of windows: each is a finding of its own, and may be taken back. */
  windowed?: boolean;
  text(finding: Finding): string;
}

/** Findings that become alerts. The others (z-scores, rises, spikes) are for those who look into streams. */
const ALERTING = {
  gateway_silent: {
    type: 'gateway_silent',
    severity: 'warning',
    kpi: 'silence',
    unit: 'min',
    end: 'gateway_back',
    text: ({ subject, clinic, threshold }) =>
      `Nothing from gateway ${subject} of ${clinic} for more than ${threshold} min: its fridges are not seen from here.`,
  },
  several_out: {
    type: 'excursion',
    severity: 'critical',
    kpi: 'units outside their limits',
    unit: '1',
    quietMs: 10 * MINUTE,
    windowed: true,
    text: ({ clinic, value }) =>
      `${value} units of ${clinic} are outside their limits at once: look at its power.`,
  },
  region_out: {
    type: 'excursion',
    severity: 'critical',
    kpi: 'share of clinics affected',
    unit: '1',
    quietMs: 10 * MINUTE,
    windowed: true,
    text: ({ subject, value }) =>
      `${Math.round(value * 100)} % of the clinics of ${subject} have a unit outside its limits: look for a power cut.`,
  },
  sale_spike: {
    type: 'kpi',
    severity: 'info',
    kpi: 'sold at once',
    unit: 'units',
    quietMs: 60 * MINUTE,
    text: ({ clinic, subject, value, threshold }) =>
      `${clinic} sold ${value} of ${subject} at once, over twice its day's average of ${threshold / 2}.`,
  },
  stock_low: {
    type: 'kpi',
    severity: 'warning',
    kpi: 'stock',
    unit: 'units',
    end: 'stock_restored',
    text: ({ clinic, subject, value, threshold }) =>
      `${clinic} has ${value} of ${subject} left, below ${threshold}: order.`,
  },
  stock_negative: {
    type: 'kpi',
    severity: 'warning',
    kpi: 'stock',
    unit: 'units',
    end: 'stock_corrected',
    text: ({ clinic, subject, value }) => `The stock of ${subject} at ${clinic} is ${value}: count it.`,
  },
} as const satisfies Partial<Record<FindingKind, Meaning>>;
export type AlertingKind = keyof typeof ALERTING;
export const ALERTING_KINDS = Object.keys(ALERTING) as [AlertingKind, ...AlertingKind[]];

const meaningOf = (kind: string) => own<Meaning>(ALERTING, kind);
interface Open {
  alert: CentralAlert;
  /** When it was last found, by our clock. */
  heardMs: number;
  /** Of the windowed ones: those that stand. */
  windows: Set<number>;
  /** Since when no window stands, by our clock. */
  emptyMs: number | null;
  /** The same cause found again, later, before its end was read: it begins anew after that end. */
  next: Finding | undefined;
}

/** What is remembered of a cause, also while nothing is open. */
interface Cause {
  /** Event time of the last alert: what is older was told. */
  toldMs: number;
  /** When the last episode began, and how many began at that very time: each gets an id of its own. */
  sinceMs: number;
  count: number;
  /** The last end that was read, whether its beginning had been read or not. */
  endedMs: number;
  endedValue: number;
}

/** An alert that no gateway raised. */
export type CentralAlert = AlertBody & Pick<AlertMessage, 'clinic' | 'region'>;

/** Findings → alerts: one episode for each cause, told when it begins and when it ends, whatever order they come in. */
export class Episodes {
  readonly #kinds: ReadonlySet<string>;
  readonly #open = new Map<string, Open>();
  readonly #causes = new Map<string, Cause>();

  constructor(kinds: readonly AlertingKind[]) {
    this.#kinds = new Set(kinds);
  }

  get open(): number {
    return this.#open.size;
  }

  /** One of our own alerts, read back from the log after a start. */
  restore({ gateway: _g, epoch: _e, seq: _s, ...alert }: AlertMessage, nowMs: number): void {
    if (!alert.rule.startsWith(RULE)) return;
    const key = `${alert.rule.slice(RULE.length)}/${placeOf(alert)}/${alert.sensor}`;
    this.#told(key, alert);
    if (alert.state === 'cleared') this.#open.delete(key);
    else this.#open.set(key, opened(alert, nowMs));
  }

  /** A finding as it comes; `found` undefined: it was taken back. */
  take(at: FindingSubject, found: Finding | undefined, nowMs: number): CentralAlert[] {
    if (!found) return this.#takeBack(at, nowMs);
    const ended = ALERTING_KINDS.filter((kind) => meaningOf(kind)?.end === at.kind);
    if (ended.length > 0) return ended.flatMap((kind) => this.#end(kind, found, nowMs));
    const meaning = meaningOf(at.kind);
    if (!meaning || !this.#kinds.has(at.kind)) return [];
    const key = keyOf(at.kind, at);
    const open = this.#open.get(key);
    if (open) return this.#again(open, found, nowMs);
    if (at.at < (this.#causes.get(key)?.toldMs ?? Number.NEGATIVE_INFINITY)) return [];
    if (meaning.windowed && nowMs - at.at > HISTORY_MS) return [];
    return this.#raise(key, found, meaning, nowMs);
  }

  #again(open: Open, found: Finding, nowMs: number): CentralAlert[] {
    open.heardMs = nowMs;
    open.emptyMs = null;
    open.windows.add(found.at);
    const later = found.at > Math.max(Date.parse(open.alert.since), open.next?.at ?? 0);
    if (later && meaningOf(found.kind)?.end) open.next = found;
    return [];
  }

  #raise(key: string, found: Finding, meaning: Meaning, nowMs: number): CentralAlert[] {
    const before = this.#causes.get(key);
    const alert = raised(found, meaning, before?.sinceMs === found.at ? before.count : 0);
    const open = opened(alert, nowMs);
    open.windows.add(found.at);
    remember(this.#open, key, open, EPISODES_MAX);
    this.#told(key, alert);
    // Its end was read first: partitions of a topic have no order among each other.
    if (meaning.end && before && before.endedMs > found.at) {
      const { endedMs: at, endedValue: value } = before;
      return [alert, ...this.#over(key, open, { at, value }, nowMs)];
    }
    return [alert];
  }

  #end(kind: AlertingKind, end: Finding, nowMs: number): CentralAlert[] {
    if (!this.#kinds.has(kind)) return [];
    const key = keyOf(kind, subjectOf(end));
    const cause = this.#cause(key);
    if (end.at > cause.endedMs) Object.assign(cause, { endedMs: end.at, endedValue: end.value });
    const open = this.#open.get(key);
    if (!open || end.at <= Date.parse(open.alert.since)) return [];
    return this.#over(key, open, end, nowMs);
  }

  #over(key: string, open: Open, end: Pick<Finding, 'at' | 'value'>, nowMs: number): CentralAlert[] {
    const over = this.#clear(key, open, end.at, `Over: ${open.alert.summary}`, end.value);
    const { next } = open;
    if (!next || next.at <= end.at) return [over];
    return [over, ...this.#raise(key, next, meaningOf(next.kind)!, nowMs)];
  }

  #takeBack(at: FindingSubject, nowMs: number): CentralAlert[] {
    const open = this.#open.get(keyOf(at.kind, at));
    if (open?.windows.delete(at.at) && open.windows.size === 0) open.emptyMs = nowMs;
    return [];
  }

  /** What was taken back and stayed away, or was not found again for long enough, is over. */
  tick(nowMs: number): CentralAlert[] {
    return [...this.#open].flatMap(([key, open]) => {
      const { alert, emptyMs, heardMs, windows } = open;
      if (emptyMs !== null && nowMs - emptyMs >= TAKEN_BACK_MS) {
        const why = `Taken back, later readings say otherwise: ${alert.summary}`;
        return [this.#clear(key, open, Date.parse(alert.since), why, null)];
      }
      const quiet = meaningOf(key.slice(0, key.indexOf('/')))?.quietMs;
      if (quiet === undefined || nowMs - heardMs < quiet) return [];
      const last = Math.max(Date.parse(alert.since), ...windows);
      return [this.#clear(key, open, last + quiet, `Over: ${alert.summary}`, null)];
    });
  }

  #clear(key: string, { alert }: Open, atMs: number, summary: string, value: number | null): CentralAlert {
    this.#open.delete(key);
    const cleared: CentralAlert = {
      ...alert,
      alert_id: `${alert.episode_id}-cleared`,
      timestamp: new Date(Math.max(atMs, Date.parse(alert.timestamp))).toISOString(),
      state: 'cleared',
      kpi: { ...alert.kpi, value },
      summary: summary.slice(0, WORDS_MAX),
    };
    this.#told(key, cleared);
    return cleared;
  }

  #told(key: string, { timestamp, since, state }: AlertBody): void {
    const cause = this.#cause(key);
    cause.toldMs = Date.parse(timestamp);
    if (state !== 'raised') return;
    const sinceMs = Date.parse(since);
    cause.count = cause.sinceMs === sinceMs ? cause.count + 1 : 1;
    cause.sinceMs = sinceMs;
  }

  /** The longest untouched is forgotten first. */
  #cause(key: string): Cause {
    const never = Number.NEGATIVE_INFINITY;
    const unknown = { toldMs: never, sinceMs: never, count: 0, endedMs: never, endedValue: 0 };
    return touch(this.#causes, key, EPISODES_MAX, (): Cause => unknown);
  }
}

const opened = (alert: CentralAlert, nowMs: number): Open => ({
  alert,
  heardMs: nowMs,
  windows: new Set(),
  emptyMs: null,
  next: undefined,
});

const keyOf = (kind: string, { place, subject }: FindingSubject) => `${kind}/${place}/${idOf(subject)}`;

/** `before`: how many episodes of this cause began at this very time already. */
function raised(
  finding: Finding,
  { type, severity, kpi, unit, text }: Meaning,
  before: number,
): CentralAlert {
  const { kind, place, subject, at } = subjectOf(finding);
  const { value, threshold } = finding;
  const id = createHash('sha256')
    .update(JSON.stringify([kind, place, subject, at, ...(before > 0 ? [before] : [])]))
    .digest('hex')
    .slice(0, 24);
  const when = new Date(at).toISOString();
  return {
    alert_id: `${id}-raised`,
    episode_id: id,
    alert_type: type,
    timestamp: when,
    kpi: { name: kpi, value, threshold, unit },
    severity,
    state: 'raised',
    rule: `${RULE}${kind}`,
    since: when,
    ...(finding.region === undefined ? { clinic: place } : { region: place }),
    sensor: idOf(subject),
    summary: text(finding).slice(0, WORDS_MAX),
  };
}
