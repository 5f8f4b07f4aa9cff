import type { Logger } from 'pino';
import { type Clock, every } from '../../core/clock/clock.js';
import type { Alarm } from '../alarm/alarm.js';
import type { Condition } from '../alarm/alert.js';
import type { GivenUp } from '../forward/options.js';
import type { Ring } from '../ring/port.js';

/** As many as the status shows; the gaps name each. */
const SHOWN_MAX = 20;
/** The alert stays so long after the last such row. */
const ALERT_MS = 3_600_000;
const LOOK_MS = 60_000;
const RULE = 'given-up';
/** Of what is said why, in an alert; the log has all of it. */
const WHY_MAX = 200;

export interface ShownRow {
  stream: string;
  seq: number;
  sensor: string | null;
  why: string;
  at: string;
}

/** Rows that go no further are named in a gap, shown and alarmed: they stay in the ring, and nowhere else. */
export class GivenUpRows {
  readonly shown: ShownRow[] = [];
  readonly #deps: { ring: Pick<Ring, 'appendEvent'>; alarm: Alarm; clock: Clock; log: Logger };
  readonly #alertedMs = new Map<string, { condition: Condition; monoMs: number }>();

  constructor(deps: { ring: Pick<Ring, 'appendEvent'>; alarm: Alarm; clock: Clock; log: Logger }) {
    this.#deps = deps;
  }

  /** Ends alerts, also those of before this start. */
  watch(): { cancel(): void } {
    const { alarm, clock } = this.#deps;
    for (const open of alarm.open.filter(({ rule }) => rule === RULE)) {
      const ofSensor = open.alert_type === 'sensor_fault' ? open.sensor : undefined;
      this.#alertedMs.set(ofSensor ?? '', { condition: condition(ofSensor), monoMs: clock.mono() });
    }
    return every(clock, LOOK_MS, () => {
      for (const [key, { condition: raised, monoMs }] of this.#alertedMs) {
        if (clock.mono() - monoMs < ALERT_MS) continue;
        this.#alertedMs.delete(key);
        alarm.condition({ ...raised, active: false });
      }
    });
  }

  /** `epoch` is set where the row is another ring's. */
  report({ stream, seq, row, why }: GivenUp, epoch?: string): void {
    const { ring, alarm, clock, log } = this.#deps;
    log.error({ stream, seq, why }, 'a row goes no further: it stays here');
    const now = new Date(clock.wall()).toISOString();
    const sensor = row && 'sensor' in row ? row.sensor : undefined;
    this.shown.push({ stream, seq, sensor: sensor ?? null, why: why.slice(0, 200), at: now });
    if (this.shown.length > SHOWN_MAX) this.shown.shift();
    // A gap that is refused itself would be followed by gaps without end.
    if (!(row && 'type' in row && row.type === 'gap')) {
      const [since, until] = timesOf(row) ?? [now, now];
      ring.appendEvent({
        type: 'gap',
        gap: {
          reason: row ? 'refused' : 'corrupt',
          ...(epoch === undefined ? {} : { epoch }),
          ...(stream === 'readings' ? {} : { stream }),
          from: seq,
          to: seq,
          since,
          until,
        },
      });
    }
    const raised = condition(sensor, `${stream} ${seq}: ${why}`);
    this.#alertedMs.set(sensor ?? '', { condition: raised, monoMs: clock.mono() });
    alarm.condition(raised);
  }
}

/** What a sensor said is the sensor's matter; what cannot be read, or is no reading, the gateway's. */
function condition(sensor: string | undefined, why = ''): Condition {
  const facts = { why: why.slice(0, WHY_MAX) };
  const what = { rule: RULE, severity: 'warning' as const, active: true, cause: 'refused', facts };
  return sensor === undefined ? { type: 'storage', ...what } : { type: 'sensor_fault', sensor, ...what };
}

function timesOf(row: GivenUp['row']): [string, string] | undefined {
  if (!row || 'type' in row) return undefined;
  const times = 'since' in row ? [row.since, row.until] : [row.measuredAt, row.measuredAt];
  const iso = times.map((ms) => new Date(Math.min(Math.max(ms, 0), LAST_MS)).toISOString());
  return [iso[0]!, iso[1]!];
}

/** The last that ISO time writes with four digits. */
const LAST_MS = Date.UTC(9999, 11, 31);
