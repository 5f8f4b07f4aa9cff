import { Alarm } from '../../agent/alarm/alarm.js';
import { judge, type Validity } from '../../agent/ingest/plausibility.js';
import type { Ring } from '../../agent/ring/port.js';
import { asMono, asWall, type Clock } from '../../core/clock/clock.js';
import type { AlertBody, RingEvent } from '../../core/contract/messages.js';
import { type PlausibleState, stepPlausible } from '../../core/detect/plausible.js';
import type { Rule } from '../../core/detect/rules.js';
import { MINUTE } from '../../core/durations.js';
import { policySchema } from '../../core/policy/local.js';
import { timesAt } from '../../core/reading.js';

const TICK_MS = MINUTE;
/** After a silence this long every rule about silence has had its say, also of a sensor that reports each two hours. */
const SILENCE_MS = 360 * MINUTE;
const SPEC = { maxPerMinute: 20_000, stuckMs: Number.POSITIVE_INFINITY };
const POLICY = policySchema.parse({});

/** Events are numbered over a whole run, as in a gateway's ring: an alert's id is made of its number. */
export interface EventCount {
  last: number;
}

/** One sensor's history through the agent's own alarm, in simulated time. */
export class SensorReplay {
  readonly sensor: string;
  samples = 0;
  missing = 0;
  firstMs = Number.NaN;
  lastMs = Number.NaN;
  #sum = 0;
  #nowMs = 0;
  #seq = 0;
  #plausible: PlausibleState | undefined;
  #alarm: Alarm | undefined;
  readonly #rules: readonly Rule[];
  readonly #validity: Validity | undefined;
  readonly #events: EventCount;
  readonly #onAlert: (alert: AlertBody) => void;

  constructor(
    sensor: string,
    rules: readonly Rule[],
    validity: Validity | undefined,
    events: EventCount,
    onAlert: (alert: AlertBody) => void,
  ) {
    this.sensor = sensor;
    this.#rules = rules;
    this.#validity = validity;
    this.#events = events;
    this.#onAlert = onAlert;
  }

  /** What of its rules needs more readings than came. */
  get asleep(): string[] {
    return this.#alarm?.asleep(this.#watched) ?? [];
  }

  get #watched() {
    return { id: this.sensor, name: this.sensor, rules: this.#rules };
  }

  /** A sample in thousandths of a degree; null where the file has none. Time must not go back. */
  push(atMs: number, milli: number | null): void {
    if (!this.#alarm) {
      this.firstMs = atMs;
      this.#nowMs = atMs;
      this.#alarm = this.#open();
    }
    this.#passTime(atMs);
    this.lastMs = atMs;
    this.samples += 1;
    if (milli === null) {
      this.missing += 1;
      return;
    }
    this.#sum += milli;
    this.#take(atMs, milli);
  }

  /** A fridge or freezer that is at 34 to 50 °C on average is one at 1 to 10 °C that was read in °F. */
  get looksLikeFahrenheit(): boolean {
    const mean = this.#sum / Math.max(1, this.samples - this.missing);
    return mean >= 34_000 && mean <= 50_000;
  }

  #take(atMs: number, milli: number): void {
    const judged = judge('temperature', milli, undefined, this.#validity);
    const { state, verdict } = stepPlausible(SPEC, this.#plausible, { atMs, milli });
    this.#plausible = state;
    const bad = judged.quality === 'bad' ? judged.reason : verdict;
    this.#seq += 1;
    this.#alarm!.reading(
      {
        sensor: this.sensor,
        quantity: 'temperature',
        milli,
        quality: bad ? 'bad' : 'good',
        ...(bad ? { reason: bad } : {}),
        ...timesAt(atMs),
      },
      this.#seq,
    );
  }

  #passTime(atMs: number): void {
    const until = Math.min(atMs, this.#nowMs + SILENCE_MS);
    while (this.#nowMs + TICK_MS <= until) {
      this.#nowMs += TICK_MS;
      this.#alarm!.tick();
    }
    this.#nowMs = atMs;
  }

  #open(): Alarm {
    const now = () => this.#nowMs;
    const clock: Clock = {
      wall: () => asWall(now()),
      mono: () => asMono(now()),
      synchronised: () => true,
      after: () => ({ cancel: () => {} }),
    };
    const ring = {
      epoch: '0'.repeat(16),
      head: () => this.#events.last,
      timeline: now,
      loadState: () => undefined,
      saveState: () => {},
      appendEvent: (event: RingEvent) => {
        this.#events.last += 1;
        if (event.type === 'alert') this.#onAlert(event.alert);
        return this.#events.last;
      },
    } as unknown as Ring;
    const sensors = [this.#watched];
    return new Alarm({ gateway: 'backtest', sensors, policy: POLICY, ring, clock, annunciate: () => {} });
  }
}
