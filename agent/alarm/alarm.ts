import { type Clock, every, type Timer } from '../../core/clock/clock.js';
import { type AlertBody, WORDS_MAX } from '../../core/contract/messages.js';
import { sleeps } from '../../core/detect/asleep.js';
import { cadenceOf, heard, proof } from '../../core/detect/cadence.js';
import { episodeOf, stepExposure } from '../../core/detect/exposure.js';
import {
  DWELL_START,
  excess,
  type Rule,
  stepContact,
  stepThreshold,
  type ThresholdRule,
} from '../../core/detect/rules.js';
import { type FaultInput, stepFault } from '../../core/detect/sensor-fault.js';
import { own } from '../../core/own.js';
import {
  type PolicyConfig,
  type PolicyEffect,
  type PolicyInput,
  stepPolicy,
} from '../../core/policy/local.js';
import type { Reading } from '../../core/reading.js';
import { summaryOf } from '../../core/text/sentence.js';
import type { Ring } from '../ring/port.js';
import {
  type Acknowledgement,
  type Condition,
  changeAlert,
  conditionAlert,
  contactAlert,
  type Draft,
  faultAlert,
  progressAlert,
  removedAlert,
  thresholdAlert,
} from './alert.js';
import { type Learned, Movement } from './learned.js';
import { MiddleOfThree } from './middle.js';
import {
  type AlarmSensor,
  type AlarmState,
  conditionKey,
  type Orphan,
  restoreState,
  ruleKey,
} from './state.js';

const TICK_MS = 1000;
const REPLAY_ROWS = 2000;
const EXPOSURE_GAP_MS = 1_800_000;
/** What is learned is kilobytes a sensor; what an hour teaches can be learned again. */
const LEARNED_MS = 3_600_000;
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
  /** What was stored could not be made use of; rules run on without it. */
  onProblem?: (error: unknown) => void;
}

type RuleIndex = ReadonlyMap<string, { sensor: AlarmSensor; rules: readonly Rule[] }>;

/** Rules and policy on live readings. It stands beside the ring: a card that hangs or is full silences nothing. */
export class Alarm {
  readonly #options: AlarmOptions;
  readonly #byId: RuleIndex;
  readonly #middle = new MiddleOfThree();
  readonly #contacts = new Map<string, 0 | 1>();
  #state: AlarmState;
  readonly #orphans: readonly Orphan[];
  #timer: Timer | undefined;
  #persistedMs = 0;
  #learnedMs = 0;
  readonly #movements = new Map<string, Movement>();
  #dirty = false;
  /** The reading that is being looked at: an alert is traced back to it. */
  #cause: number | undefined;

  constructor(options: AlarmOptions) {
    this.#options = options;
    this.#byId = new Map(options.sensors.map((sensor) => [sensor.id, { sensor, rules: sensor.rules }]));
    const { ring, sensors } = options;
    const { state, orphans } = restoreState(ring.loadState('alarm'), sensors, ring.timeline());
    this.#state = state;
    this.#orphans = orphans;
    this.#learnedMs = options.ring.timeline();
    const learned = (options.ring.loadState('learned') ?? {}) as Record<string, Learned>;
    for (const sensor of options.sensors.filter(Movement.wanted)) {
      const explained = (text: string) => this.#record('explained', `${sensor.name} ${text}`);
      this.#movements.set(sensor.id, new Movement(sensor, this.#state, own(learned, sensor.id), explained));
    }
  }

  /** Evaluates what was stored after the last saved state, then runs. */
  async start(): Promise<void> {
    const { ring, clock } = this.#options;
    for (const orphan of this.#orphans) this.#close(orphan);
    this.#annunciateRestored();
    try {
      for (let from = this.#state.throughSeq; from < ring.durable('readings'); from += REPLAY_ROWS) {
        for (const { seq, reading } of await ring.replay(from, REPLAY_ROWS)) this.reading(reading, seq);
      }
    } catch (error) {
      // What is measured from now on is guarded, whatever has become of what was stored.
      this.#options.onProblem?.(error);
    }
    this.#timer = every(clock, TICK_MS, () => this.tick());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#persist();
    this.#persistLearned();
  }

  get open(): readonly AlertBody[] {
    return Object.values(this.#state.open);
  }

  get policyState(): AlarmState['policy'] {
    return this.#state.policy;
  }

  reading(given: Reading, seq: number): void {
    this.#cause = seq;
    try {
      const wanted = this.#byId.get(given.sensor)?.sensor.medianOfThree === true;
      this.#evaluate(wanted ? this.#middle.of(given) : given, seq);
    } finally {
      this.#cause = undefined;
    }
  }

  #evaluate(reading: Reading, seq: number): void {
    this.#state.throughSeq = Math.max(this.#state.throughSeq, seq);
    const entry = this.#byId.get(reading.sensor);
    if (!entry) return;
    if (reading.quality === 'bad') return this.failure(reading.sensor, reading.reason ?? 'bad');
    if (reading.quantity === 'contact') this.#contacts.set(reading.sensor, reading.milli === 0 ? 0 : 1);
    const now = this.#options.ring.timeline();
    const arrivals = this.#state.arrivals[reading.sensor];
    if (arrivals) heard(arrivals, now);
    const wallOffset = reading.deviceMs === undefined ? reading.wallMs - reading.atMs : 0;
    if (reading.quantity === 'temperature') this.#movement(entry.sensor, reading, wallOffset);
    for (const rule of entry.rules) {
      if (rule.kind === 'threshold' && rule.quantity === reading.quantity) {
        this.#threshold(entry.sensor, rule, reading, wallOffset);
      }
    }
    this.#contactRules(entry.sensor);
    this.#faultRules(entry.sensor, { kind: 'good', atMs: now });
    this.#dirty = true;
  }

  failure(sensor: string, reason: string): void {
    const entry = this.#byId.get(sensor);
    if (entry) this.#faultRules(entry.sensor, { kind: 'bad', atMs: this.#options.ring.timeline(), reason });
  }

  /** Repeating what stands already changes nothing. */
  condition(condition: Condition): void {
    const key = conditionKey(condition.sensor, condition.rule);
    const open = this.#state.open[key];
    if (condition.active === (open !== undefined)) return;
    this.#emit(key, conditionAlert(condition, this.#options.gateway, this.#now(open)));
  }

  /** What nothing watches any more is closed, and said to be no more than that. */
  #close({ key, alert, gone }: Orphan): void {
    this.#emit(key, removedAlert(alert, gone, this.#now(alert)));
  }

  #now(open: AlertBody | undefined) {
    return { timestamp: new Date(this.#options.clock.wall()).toISOString(), lasted_s: this.#lastedS(open) };
  }

  /** By a clock that nobody sets: how long the episode of an open alert has lasted. */
  #lastedS(open: AlertBody | undefined): number {
    const episode = this.#state.policy.episodes.find(({ episodeId }) => episodeId === open?.episode_id);
    const sinceMs = episode?.sinceMs ?? episode?.raisedMs;
    return sinceMs === undefined
      ? 0
      : Math.max(0, Math.round((this.#options.ring.timeline() - sinceMs) / 1000));
  }

  /** How often a sensor reports, as declared or as it arrives; undefined while neither is known. */
  cadence({ id, everyMs }: Pick<AlarmSensor, 'id' | 'everyMs'>): number | undefined {
    return cadenceOf(everyMs, this.#state.arrivals[id]);
  }

  /** What of a sensor's rules needs more readings than come. */
  asleep(sensor: AlarmSensor): string[] {
    const cadence = this.cadence(sensor);
    return sensor.rules.filter((rule) => sleeps(rule, cadence)).map(({ name }) => name);
  }

  /** °C, the furthest of an open episode so far. */
  worst(episodeId: string): number | undefined {
    const { open, exposures } = this.#state;
    const key = Object.keys(open).find((k) => open[k]!.episode_id === episodeId);
    const exposure = key === undefined ? undefined : exposures[key];
    return exposure && exposure.worstMilli / 1000;
  }

  /** A person took notice: by code, or of everything with `null`. Returns the codes acknowledged. */
  acknowledge(code: string | null, { by, person, comment }: Acknowledgement): string[] {
    const waiting = () => this.#state.policy.episodes.filter((e) => e.ackedMs === null);
    const before = waiting();
    const atMs = this.#options.ring.timeline();
    const who = person === undefined ? {} : { person };
    this.#policy({ kind: 'ack', atMs, code, by, ...who, ...(comment === undefined ? {} : { comment }) });
    const open = new Set(waiting().map((e) => e.episodeId));
    return [...new Set(before.filter((e) => !open.has(e.episodeId)).map((e) => e.code))];
  }

  #threshold(sensor: AlarmSensor, rule: ThresholdRule, reading: Reading, wallOffset: number): void {
    const key = ruleKey(sensor.id, rule);
    const cadence = this.cadence(sensor);
    const { state, transition } = stepThreshold(
      rule,
      this.#state.dwell[key] ?? DWELL_START,
      reading.atMs,
      reading.milli,
      cadence,
    );
    this.#state.dwell[key] = state;
    if (rule.quantity === 'temperature') {
      this.#exposure(key, excess(rule, reading.milli), reading, proof(rule.gap, cadence));
    }
    if (transition) {
      this.#emit(key, thresholdAlert(rule, transition, { sensor: sensor.id, wallOffset }));
    }
  }

  #movement(sensor: AlarmSensor, { atMs, milli, wallMs }: Reading, wallOffset: number): void {
    const movement = this.#movements.get(sensor.id);
    if (!movement) return;
    const otherOpen = sensor.rules.some(
      (rule) => rule.kind !== 'behaviour' && this.#state.open[ruleKey(sensor.id, rule)] !== undefined,
    );
    const cadence = this.cadence(sensor);
    const changes = movement.push({ atMs, milli, wallMs }, otherOpen, cadence);
    for (const rule of sensor.rules) {
      if (rule.kind === 'behaviour' && rule.what === 'excursion') {
        const gapMs = proof(EXPOSURE_GAP_MS, cadence);
        this.#exposure(ruleKey(sensor.id, rule), excess(rule, milli), { atMs, milli }, gapMs);
      }
    }
    for (const change of changes) {
      this.#emit(ruleKey(sensor.id, change.rule), changeAlert(change, { sensor: sensor.id, wallOffset }));
    }
  }

  /** Kept from the first value outside until it is back, and as long as the alarm of it stands. */
  #exposure(key: string, beyond: number, at: { atMs: number; milli: number }, gapMs: number): void {
    const { exposures, open } = this.#state;
    if (beyond <= 0 && !open[key]) delete exposures[key];
    else exposures[key] = stepExposure(exposures[key], { ...at, excess: beyond }, gapMs);
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
      if (transition) this.#emit(key, contactAlert(rule, transition, this.#here(sensor)));
    }
  }

  #faultRules(sensor: AlarmSensor, input: FaultInput): void {
    for (const rule of sensor.rules) {
      if (rule.kind !== 'sensor_fault') continue;
      const key = ruleKey(sensor.id, rule);
      const cadence = this.cadence(sensor);
      const { state, transition } = stepFault(rule, this.#state.faults[key]!, input, cadence);
      this.#state.faults[key] = state;
      if (transition) this.#emit(key, faultAlert(rule, transition, this.#here(sensor)));
    }
  }

  #here(sensor: AlarmSensor) {
    const { clock, ring } = this.#options;
    return { sensor: sensor.id, wallOffset: clock.wall() - ring.timeline() };
  }

  /** Numbers the alert, makes it durable at once with the state that it came from, and lets policy act on it. */
  #emit(key: string, { alert: draft, facts }: Draft): void {
    const { ring } = this.#options;
    const id = this.#nextId();
    const { open, exposures } = this.#state;
    const exposure = exposures[key];
    const name = this.#nameOf(draft.sensor);
    const episode = exposure ? { episode: episodeOf(exposure) } : {};
    const alert: AlertBody = {
      ...draft,
      // One episode, one beginning: what the clock was set to since then changes it no more.
      since: open[key]?.since ?? draft.since,
      alert_id: id,
      episode_id: open[key]?.episode_id ?? id,
      summary: summaryOf(name, { ...draft, ...episode }, facts, draft.lasted_s * 1000),
      ...this.#causeOf(open[key]),
      ...episode,
    };
    if (alert.state === 'raised') open[key] = alert;
    else {
      delete open[key];
      delete exposures[key];
    }
    // The commit is made up after this turn of the event loop, so it takes along the state saved below.
    ring.appendEvent({ type: 'alert', alert });
    this.#policy({ kind: 'alert', atMs: ring.timeline(), alert, facts, name });
    this.#persist();
  }

  #nameOf(sensor: string): string {
    return this.#byId.get(sensor)?.sensor.name ?? own(this.#state.names, sensor) ?? sensor;
  }

  #causeOf(open: AlertBody | undefined): Pick<AlertBody, 'reading_seq'> {
    const reading_seq = open ? open.reading_seq : this.#cause;
    return reading_seq === undefined ? {} : { reading_seq };
  }

  #nextId(): string {
    return `${this.#options.ring.epoch}-${this.#options.ring.head('events') + 1}`;
  }

  /** What needed no alarm belongs in the record all the same. */
  #record(action: string, detail: string): void {
    const at = new Date(this.#options.clock.wall()).toISOString();
    this.#options.ring.appendEvent({
      type: 'audit',
      audit: { action, at, detail: detail.slice(0, WORDS_MAX) },
    });
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
    if (effect.kind !== 'acknowledged' && effect.kind !== 'escalated') return;
    const { episode, ...progress } = effect;
    const alert = progressAlert(episode.alert, this.#nextId(), progress, this.#now(episode.alert));
    this.#options.ring.appendEvent({ type: 'alert', alert });
  }

  #annunciateRestored(): void {
    const { buzzer, episodes } = this.#state.policy;
    this.#options.annunciate({ kind: 'buzzer', pattern: buzzer }, episodes.length);
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
    if (atMs - this.#learnedMs >= LEARNED_MS) this.#persistLearned();
  }

  /** What is usual at each place: large, and slow to change. */
  #persistLearned(): void {
    this.#learnedMs = this.#options.ring.timeline();
    if (this.#movements.size === 0) return;
    const learned = [...this.#movements].map(([id, movement]) => [id, movement.learned]);
    this.#options.ring.saveState('learned', Object.fromEntries(learned));
  }

  #persist(): void {
    this.#dirty = false;
    this.#persistedMs = this.#options.ring.timeline();
    this.#options.ring.saveState('alarm', this.#state);
  }
}
