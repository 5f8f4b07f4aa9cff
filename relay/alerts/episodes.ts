import { createHash } from 'node:crypto';
import type { AlertBody, AlertMessage, AlertType, Severity } from '../../core/contract/messages.js';
import type { Finding, FindingKind } from '../../core/contract/streams.js';
import { own } from '../../core/own.js';

const MINUTE = 60_000;
/** What is further back is history that came late: nobody is called for it. */
const HISTORY_MS = 60 * MINUTE;
const EPISODES_MAX = 20_000;

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
export const ALERTING = {
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
    kpi: 'units outside 2 to 8 C',
    unit: '',
    quietMs: 10 * MINUTE,
    windowed: true,
    text: ({ clinic, value }) =>
      `${value} units of ${clinic} are outside 2 to 8 C at once: look at its power.`,
  },
  region_out: {
    type: 'excursion',
    severity: 'critical',
    kpi: 'share of clinics affected',
    unit: '',
    quietMs: 10 * MINUTE,
    windowed: true,
    text: ({ clinic, value }) =>
      `${Math.round(value * 100)} % of the clinics of ${clinic} have a unit outside 2 to 8 C: look for a power cut.`,
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
const RULE = 'stream:';

interface Open {
  alert: CentralAlert;
  /** When it was last found, by our clock. */
  heardMs: number;
  /** Of the windowed ones: those that stand. */
  windows: Set<number>;
}

/** An alert that no gateway raised. */
export type CentralAlert = AlertBody & { clinic: string };

export type FoundKey = Pick<Finding, 'kind' | 'clinic' | 'subject' | 'at'>;

/** Findings → alerts: one episode for each cause, told when it begins and when it ends. */
export class Episodes {
  readonly #kinds: ReadonlySet<string>;
  readonly #open = new Map<string, Open>();
  /** Event time of the last alert of each cause: what is older was told. */
  readonly #told = new Map<string, number>();

  constructor(kinds: readonly AlertingKind[]) {
    this.#kinds = new Set(kinds);
  }

  get open(): number {
    return this.#open.size;
  }

  /** One of our own alerts, read back from the log after a start. */
  restore({ gateway: _g, epoch: _e, seq: _s, ...alert }: AlertMessage, nowMs: number): void {
    if (!alert.rule.startsWith(RULE)) return;
    const key = `${alert.rule.slice(RULE.length)}/${alert.clinic}/${alert.sensor}`;
    this.#remember(key, alert);
    if (alert.state === 'cleared') this.#open.delete(key);
    else this.#open.set(key, { alert, heardMs: nowMs, windows: new Set() });
  }

  /** A finding as it comes; `found` undefined: it was taken back. */
  take(at: FoundKey, found: Finding | undefined, nowMs: number): CentralAlert[] {
    if (!found) return this.#takeBack(at);
    const ended = ALERTING_KINDS.filter((kind) => meaningOf(kind)?.end === at.kind);
    if (ended.length > 0) return ended.flatMap((kind) => this.#end(kind, found));
    const meaning = meaningOf(at.kind);
    if (!meaning || !this.#kinds.has(at.kind)) return [];
    const key = keyOf(at.kind, at);
    const open = this.#open.get(key);
    if (open) {
      open.heardMs = nowMs;
      open.windows.add(at.at);
      return [];
    }
    if (at.at < (this.#told.get(key) ?? Number.NEGATIVE_INFINITY)) return [];
    if (meaning.windowed && nowMs - at.at > HISTORY_MS) return [];
    const alert = raised(found, meaning);
    if (this.#open.size >= EPISODES_MAX) this.#open.delete(this.#open.keys().next().value!);
    this.#open.set(key, { alert, heardMs: nowMs, windows: new Set([at.at]) });
    this.#remember(key, alert);
    return [alert];
  }

  #end(kind: AlertingKind, end: Finding): CentralAlert[] {
    const key = keyOf(kind, end);
    const open = this.#open.get(key);
    if (!open || end.at <= Date.parse(open.alert.since)) return [];
    return [this.#clear(key, open, end.at, `Over: ${open.alert.summary}`, end.value)];
  }

  #takeBack(at: FoundKey): CentralAlert[] {
    const key = keyOf(at.kind, at);
    const open = this.#open.get(key);
    if (!open?.windows.delete(at.at) || open.windows.size > 0) return [];
    const why = `Taken back, later readings say otherwise: ${open.alert.summary}`;
    return [this.#clear(key, open, at.at, why, null)];
  }

  /** What was not found again for long enough is over. */
  tick(nowMs: number): CentralAlert[] {
    return [...this.#open].flatMap(([key, open]) => {
      const quiet = meaningOf(key.slice(0, key.indexOf('/')))?.quietMs;
      if (quiet === undefined || nowMs - open.heardMs < quiet) return [];
      const last = Math.max(Date.parse(open.alert.since), ...open.windows);
      return [this.#clear(key, open, last + quiet, `Over: ${open.alert.summary}`, null)];
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
      summary: summary.slice(0, 400),
    };
    this.#remember(key, cleared);
    return cleared;
  }

  #remember(key: string, { timestamp }: AlertBody): void {
    this.#told.delete(key);
    this.#told.set(key, Date.parse(timestamp));
    if (this.#told.size > EPISODES_MAX) this.#told.delete(this.#told.keys().next().value!);
  }
}

/** SKUs are not made of the letters that ids are. */
const idOf = (subject: string) =>
  subject
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '-')
    .replace(/^[^a-z0-9]+/, 'x')
    .slice(0, 63);

const keyOf = (kind: string, { clinic, subject }: FoundKey) => `${kind}/${clinic}/${idOf(subject)}`;

function raised(finding: Finding, { type, severity, kpi, unit, text }: Meaning): CentralAlert {
  const { kind, clinic, subject, at, value, threshold } = finding;
  const id = createHash('sha256')
    .update(JSON.stringify([kind, clinic, subject, at]))
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
    clinic,
    sensor: idOf(subject),
    summary: text(finding).slice(0, 400),
  };
}
