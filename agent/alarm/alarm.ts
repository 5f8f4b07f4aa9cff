import { type Clock, every, type Timer } from '../../core/clock/clock.js';
import type { AlertBody } from '../../core/contract/messages.js';
import { Behaviours } from '../../core/detect/latches.js';
import { medianOfThree } from '../../core/detect/plausible.js';
import {
  DWELL_START,
  type Rule,
  stepContact,
  stepThreshold,
  type ThresholdRule,
  type Transition,
} from '../../core/detect/rules.js';
import { type FaultInput, stepFault } from '../../core/detect/sensor-fault.js';
import type { Profile } from '../../core/detect/track.js';
import {
  type PolicyConfig,
  type PolicyEffect,
  type PolicyInput,
  stepPolicy,
} from '../../core/policy/local.js';
import type { Reading } from '../../core/reading.js';
import type { Ring } from '../ring/port.js';
import { type AlertFacts, behaviourAlert, contactAlert, faultAlert, thresholdAlert } from './alert.js';
import { type AlarmSensor, type AlarmState, conditionKey, restoreState, ruleKey } from './state.js';

const TICK_MS = 1000;
const REPLAY_ROWS = 2000;
/** Profiles are kilobytes a sensor; what an hour teaches can be learned again. */
const PROFILES_MS = 3_600_000;
/** State of quiet rules is written this often; after a crash the readings since then are evaluated again. */
const PERSIST_MS = 300_000;

export interface AlarmOptions {
  gateway: string;
  sensors: readonly AlarmSensor[];
  policy: PolicyConfig;
  ring: Ring;
  clock: Clock;
  /** Carries out what policy decides: buzzer, lamp, texts. */
  annunciate: (effect: PolicyEffect, openEpisodes: number) => void;
}

/** Something that holds or not, and that no reading's value decides: a failing card, a probe that is another one. */
export interface Condition {
  type: AlertBody['alert_type'];
  rule: string;
  /** Absent: the gateway itself. */
  sensor?: string;
  severity: AlertBody['severity'];
  active: boolean;
  summary: string;
}

type RuleIndex = ReadonlyMap<string, { sensor: AlarmSensor; rules: readonly Rule[] }>;

/** Rules and policy on live readings. It stands beside the ring: a card that hangs or is full silences nothing. */
export class Alarm {
  readonly #options: AlarmOptions;
  readonly #byId: RuleIndex;
  /** The last three temperatures of sensors that want the middle one. */
  readonly #lastThree = new Map<string, number[]>();
  readonly #contacts = new Map<string, 0 | 1>();
  #state: AlarmState;
  #timer: Timer | undefined;
  #persistedMs = 0;
  #profilesMs = 0;
  readonly #behaviours = new Map<string, Behaviours>();
  #dirty = false;

  constructor(options: AlarmOptions) {
    this.#options = options;
    this.#byId = new Map(options.sensors.map((sensor) => [sensor.id, { sensor, rules: sensor.rules }]));
    this.#state = restoreState(options.ring.loadState('alarm'), options.sensors, options.ring.timeline());
    this.#profilesMs = options.ring.timeline();
    const profiles = (options.ring.loadState('profiles') ?? {}) as Record<string, Profile>;
    for (const { id, rules } of options.sensors) {
      const own = rules.filter((rule) => rule.kind === 'behaviour');
      this.#state.latches[id] ??= {};
      if (own.length > 0)
        this.#behaviours.set(id, new Behaviours(own, this.#state.latches[id], profiles[id]));
    }
  }

  /** Evaluates what was stored after the last saved state, then runs. */
  async start(): Promise<void> {
    const { ring, clock } = this.#options;
    this.#annunciateRestored();
    for (;;) {
      const rows = await ring.replay(this.#state.throughSeq, REPLAY_ROWS);
      for (const { seq, reading } of rows) this.reading(reading, seq);
      if (rows.length < REPLAY_ROWS) break;
    }
    this.#timer = every(clock, TICK_MS, () => this.tick());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#persist();
    this.#persistProfiles();
  }

  get open(): readonly AlertBody[] {
    return Object.values(this.#state.open);
  }

  get policyState(): AlarmState['policy'] {
    return this.#state.policy;
  }

  reading(given: Reading, seq: number): void {
    const reading = this.#smoothed(given);
    this.#state.throughSeq = Math.max(this.#state.throughSeq, seq);
    const entry = this.#byId.get(reading.sensor);
    if (!entry) return;
    if (reading.quality === 'bad') return this.failure(reading.sensor, reading.reason ?? 'bad');
    if (reading.quantity === 'contact') this.#contacts.set(reading.sensor, reading.milli === 0 ? 0 : 1);
    const wallOffset = reading.deviceMs === undefined ? reading.wallMs - reading.atMs : 0;
    if (reading.quantity === 'temperature') this.#behaviour(entry.sensor, reading, wallOffset);
    for (const rule of entry.rules) {
      if (rule.kind === 'threshold' && rule.quantity === reading.quantity) {
        this.#threshold(entry.sensor, rule, reading, wallOffset);
      }
    }
    this.#contactRules(entry.sensor);
    this.#faultRules(entry.sensor, { kind: 'good', atMs: this.#options.ring.timeline() });
    this.#dirty = true;
  }

  #smoothed(reading: Reading): Reading {
    const { sensor, quantity, quality, milli } = reading;
    if (!this.#byId.get(sensor)?.sensor.medianOfThree || quantity !== 'temperature' || quality === 'bad')
      return reading;
    const last = [...(this.#lastThree.get(sensor) ?? []), milli].slice(-3);
    this.#lastThree.set(sensor, last);
    const [a, b, c] = last;
    return c === undefined ? reading : { ...reading, milli: medianOfThree(a!, b!, c) };
  }

  failure(sensor: string, reason: string): void {
    const entry = this.#byId.get(sensor);
    if (entry) this.#faultRules(entry.sensor, { kind: 'bad', atMs: this.#options.ring.timeline(), reason });
  }

  /** Repeating what stands already changes nothing. */
  condition({ type, rule, sensor, severity, active, summary }: Condition): void {
    const key = conditionKey(sensor, rule);
    const open = this.#state.open[key];
    if (active === (open !== undefined)) return;
    const { clock, gateway } = this.#options;
    const timestamp = new Date(clock.wall()).toISOString();
    this.#emit(key, active ? 'raised' : 'cleared', {
      alert_type: type,
      timestamp,
      since: open?.timestamp ?? timestamp,
      kpi: { name: type, value: null, threshold: null, unit: '1' },
      severity,
      state: active ? 'raised' : 'cleared',
      rule,
      sensor: sensor ?? gateway,
      summary: summary.slice(0, 400),
    });
  }

  /** A person took notice: by code, or of everything with `null`. Returns the codes acknowledged. */
  acknowledge(code: string | null, by: string, comment?: string): string[] {
    const before = this.#state.policy.episodes.filter((e) => e.ackedMs === null);
    const atMs = this.#options.ring.timeline();
    this.#policy({ kind: 'ack', atMs, code, by, ...(comment === undefined ? {} : { comment }) });
    const open = new Set(
      this.#state.policy.episodes.filter((e) => e.ackedMs === null).map((e) => e.episodeId),
    );
    return [...new Set(before.filter((e) => !open.has(e.episodeId)).map((e) => e.code))];
  }

  #threshold(sensor: AlarmSensor, rule: ThresholdRule, reading: Reading, wallOffset: number): void {
    const key = ruleKey(sensor.id, rule);
    const { state, transition } = stepThreshold(
      rule,
      this.#state.dwell[key] ?? DWELL_START,
      reading.atMs,
      reading.milli,
    );
    this.#state.dwell[key] = state;
    if (transition) {
      const where = { sensor: sensor.id, name: sensor.name, wallOffset };
      this.#emit(key, transition.kind, thresholdAlert(rule, transition, where));
    }
  }

  #behaviour(sensor: AlarmSensor, { atMs, milli }: Reading, wallOffset: number): void {
    const behaviours = this.#behaviours.get(sensor.id);
    if (!behaviours) return;
    const otherOpen = sensor.rules.some(
      (rule) => rule.kind !== 'behaviour' && this.#state.open[ruleKey(sensor.id, rule)] !== undefined,
    );
    for (const change of behaviours.push(atMs, milli, otherOpen)) {
      const where = { sensor: sensor.id, name: sensor.name, wallOffset };
      this.#emit(ruleKey(sensor.id, change.rule), change.kind, behaviourAlert(change, where));
    }
  }

  #contactRules(sensor: AlarmSensor): void {
    const position = this.#contacts.get(sensor.id);
    if (position === undefined) return;
    for (const rule of sensor.rules) {
      if (rule.kind !== 'contact') continue;
      const key = ruleKey(sensor.id, rule);
      const now = this.#options.ring.timeline();
      const { state, transition } = stepContact(rule, this.#state.dwell[key] ?? DWELL_START, now, position);
      this.#state.dwell[key] = state;
      if (transition) this.#emit(key, transition.kind, contactAlert(rule, transition, this.#here(sensor)));
    }
  }

  #faultRules(sensor: AlarmSensor, input: FaultInput): void {
    for (const rule of sensor.rules) {
      if (rule.kind !== 'sensor_fault') continue;
      const key = ruleKey(sensor.id, rule);
      const { state, transition } = stepFault(rule, this.#state.faults[key]!, input);
      this.#state.faults[key] = state;
      if (transition) this.#emit(key, transition.kind, faultAlert(rule, transition, this.#here(sensor)));
    }
  }

  #here(sensor: AlarmSensor) {
    const { clock, ring } = this.#options;
    return { sensor: sensor.id, name: sensor.name, wallOffset: clock.wall() - ring.timeline() };
  }

  /** Numbers the alert, makes it durable at once with the state that it came from, and lets policy act on it. */
  #emit(key: string, kind: Transition['kind'], facts: AlertFacts): void {
    const { ring } = this.#options;
    const id = `${ring.epoch}-${ring.head('events') + 1}`;
    const alert: AlertBody = { ...facts, alert_id: id, episode_id: this.#state.open[key]?.episode_id ?? id };
    if (kind === 'raised') this.#state.open[key] = alert;
    else delete this.#state.open[key];
    // The commit is made up after this turn of the event loop, so it takes along the state saved below.
    ring.appendEvent({ type: 'alert', alert });
    this.#policy({ kind: 'alert', atMs: ring.timeline(), alert });
    this.#persist();
  }

  #policy(input: PolicyInput): void {
    const { state, effects } = stepPolicy(this.#options.policy, this.#state.policy, input);
    const changed = state !== this.#state.policy;
    this.#state.policy = state;
    for (const effect of effects) this.#carryOut(effect);
    if (changed) this.#dirty = true;
    if (effects.length > 0) this.#persist();
  }

  #carryOut(effect: PolicyEffect): void {
    this.#options.annunciate(effect, this.#state.policy.episodes.length);
    if (effect.kind !== 'acknowledged') return;
    const { ring, clock } = this.#options;
    const alert: AlertBody = {
      ...effect.episode.alert,
      alert_id: `${ring.epoch}-${ring.head('events') + 1}`,
      timestamp: new Date(clock.wall()).toISOString(),
      state: 'acknowledged',
      by: effect.by,
      ...(effect.comment === undefined ? {} : { comment: effect.comment }),
    };
    ring.appendEvent({ type: 'alert', alert });
  }

  #annunciateRestored(): void {
    const { policy } = this.#state;
    this.#options.annunciate({ kind: 'buzzer', pattern: policy.buzzer }, policy.episodes.length);
  }

  /** Time passes: what is missing, doors and escalations become due. */
  tick(): void {
    const atMs = this.#options.ring.timeline();
    for (const { sensor } of this.#byId.values()) {
      this.#faultRules(sensor, { kind: 'tick', atMs });
      this.#contactRules(sensor);
    }
    this.#policy({ kind: 'tick', atMs });
    if (this.#dirty && atMs - this.#persistedMs >= PERSIST_MS) this.#persist();
    if (atMs - this.#profilesMs >= PROFILES_MS) this.#persistProfiles();
  }

  /** What is usual at each place: large, and slow to change. */
  #persistProfiles(): void {
    this.#profilesMs = this.#options.ring.timeline();
    if (this.#behaviours.size === 0) return;
    const profiles = [...this.#behaviours].map(([id, { track }]) => [id, track.profile]);
    this.#options.ring.saveState('profiles', Object.fromEntries(profiles));
  }

  #persist(): void {
    this.#dirty = false;
    this.#persistedMs = this.#options.ring.timeline();
    this.#options.ring.saveState('alarm', this.#state);
  }
}
