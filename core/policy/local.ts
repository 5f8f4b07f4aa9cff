import { z } from 'zod';
import type { TimelineMs } from '../clock/clock.js';
import {
  ALERT_TYPES,
  type AlertBody,
  type AlertType,
  SEVERITIES,
  type Severity,
  severitySchema,
} from '../contract/messages.js';
import { duration } from '../schema.js';
import type { Facts } from '../text/catalog.js';

/**
 * Who is told at the clinic, and when: grouping, escalation by time, reminders, acknowledgement.
 * Pure: (config, state, input) → (state, effects). State is plain JSON, kept in the ring, so that a restart
 * forgets nothing that is firing, acknowledged or told.
 */
export const policySchema = z.strictObject({
  group_wait: duration
    .default(10_000)
    .describe('alerts within this time of each other go out as one message'),
  steps: z
    .array(
      z.strictObject({
        to: z.array(z.string()).min(1).max(20).describe('ids of `people`'),
        after: duration.default(0).describe('how long after the alert'),
      }),
    )
    .max(10)
    .default([])
    .describe('whom to text, and how long after the alert if nobody has acknowledged'),
  repeat: duration.default(1_800_000).describe('reminder to the last step while unacknowledged'),
  repeats: z.int().min(0).max(100).default(6).describe('how many reminders'),
  rate_limit: z
    .strictObject({
      messages: z.int().min(1).max(100).default(3).describe('how many'),
      per: duration.default(3_600_000).describe('in how long a time'),
    })
    .prefault({})
    .describe('reminders per recipient; first messages, escalations and "cleared" always pass'),
  ack_timeout: duration.default(3_600_000).describe('an acknowledged alert comes back after this long'),
  buzzer: z
    .array(severitySchema)
    .default(['warning', 'critical'])
    .describe('critical sounds on and on, a warning chirps'),
  text: z.array(severitySchema).default(['warning', 'critical']).describe('what is texted'),
  escalate: z
    .array(severitySchema)
    .default(['critical'])
    .describe('what goes on to further steps and reminders; the rest is told to the first step'),
  repeat_others: duration
    .default(86_400_000)
    .describe('reminder of what does not escalate, to the first step, while it stands'),
  not_texted: z
    .array(z.enum(ALERT_TYPES))
    .max(ALERT_TYPES.length)
    .default([])
    .describe('types of alert that nobody is texted about, whatever their severity'),
});
/** Who is told at a clinic, and when; times in ms. */
export type PolicyConfig = z.output<typeof policySchema>;

/** Episodes open at once; more than this are not tracked one by one (a gateway has tens of sensors). */
const OPEN_EPISODES_MAX = 500;

/**
 * An episode that is not over, and what people were told of it; times in ms on the gateway’s timeline.
 * Plain JSON.
 */
export interface OpenEpisode {
  episodeId: string;
  /** Four digits that a person types to acknowledge. */
  code: string;
  alert: AlertBody;
  /** What its words need beside the alert, and the sensor's name when it was raised. */
  facts?: Facts;
  name?: string;
  /** On the timeline: when it began, and when its chain of messages did. */
  sinceMs?: number;
  raisedMs: number;
  ackedMs: number | null;
  /** Who acknowledged last, by name; null: the button at the gateway. */
  ackedBy?: string | null;
  told: string[];
  /** Steps already taken; beyond the last one, reminders. */
  step: number;
  nextMs: number | null;
}

/** All that policy remembers. Plain JSON. */
export interface PolicyState {
  episodes: OpenEpisode[];
  buzzer: BuzzerPattern;
  codes: number;
  /** Reminders sent of late, for the rate limit. */
  sent: { to: string; atMs: number }[];
}

/** What the buzzer does. */
export type BuzzerPattern = 'off' | 'warning' | 'critical';

/** What policy is told; times in ms on the gateway’s timeline. */
export type PolicyInput =
  | { kind: 'alert'; atMs: TimelineMs; alert: AlertBody; facts?: Facts; name?: string }
  /** `person`: an id of `people`; without one it was the button at the gateway. */
  | { kind: 'ack'; atMs: TimelineMs; code: string | null; by: string; person?: string; comment?: string }
  | { kind: 'tick'; atMs: TimelineMs };

/** What policy wants done: the annunciator does it. */
export type PolicyEffect =
  | { kind: 'buzzer'; pattern: BuzzerPattern }
  | {
      kind: 'message';
      to: string[];
      about: 'alarm' | 'reminder' | 'cleared' | 'acknowledged';
      episodes: OpenEpisode[];
      /** Acknowledged: by whom (a name; absent for the button), and what they said. */
      by?: string;
      comment?: string;
    }
  | { kind: 'acknowledged'; episode: OpenEpisode; by: string; comment?: string }
  /** Nobody has acknowledged: it goes on to further people. */
  | { kind: 'escalated'; episode: OpenEpisode };

export const POLICY_START: PolicyState = { episodes: [], buzzer: 'off', codes: 0, sent: [] };

interface Outcome {
  state: PolicyState;
  effects: PolicyEffect[];
}

export function stepPolicy(config: PolicyConfig, state: PolicyState, input: PolicyInput): Outcome {
  const outcome =
    input.kind === 'alert'
      ? onAlert(config, state, input)
      : input.kind === 'ack'
        ? onAck(config, state, input)
        : onTick(config, state, input.atMs);
  return withBuzzer(config, outcome);
}

type AlertInput = PolicyInput & { kind: 'alert' };

function onAlert(config: PolicyConfig, state: PolicyState, input: AlertInput): Outcome {
  const { alert, facts } = input;
  if (alert.state === 'raised') return { state: open(config, state, input), effects: [] };
  const episode = state.episodes.find((e) => e.episodeId === alert.episode_id);
  if (alert.state !== 'cleared' || !episode) return { state, effects: [] };
  const rest = { ...state, episodes: state.episodes.filter((e) => e !== episode) };
  if (episode.told.length === 0) return { state: rest, effects: [] };
  const closed = { ...episode, alert, ...(facts ? { facts } : {}) };
  return {
    state: rest,
    effects: [{ kind: 'message', to: episode.told, about: 'cleared', episodes: [closed] }],
  };
}

function open(
  config: PolicyConfig,
  state: PolicyState,
  { alert, atMs, facts, name }: AlertInput,
): PolicyState {
  if (state.episodes.some((e) => e.episodeId === alert.episode_id)) return state;
  if (state.episodes.length >= OPEN_EPISODES_MAX) return state;
  const texts = isTexted(config, alert);
  const group = texts ? state.episodes.find((e) => waitsToBeTold(e, atMs)) : undefined;
  const codes = group ? state.codes : freshCode(state);
  const episode: OpenEpisode = {
    episodeId: alert.episode_id,
    code: group?.code ?? codeText(codes),
    alert,
    ...(facts ? { facts } : {}),
    ...(name === undefined ? {} : { name }),
    sinceMs: atMs - (alert.lasted_s ?? 0) * 1000,
    raisedMs: atMs,
    ackedMs: null,
    told: [],
    step: 0,
    nextMs: texts ? (group?.nextMs ?? atMs + Math.max(config.group_wait, config.steps[0]!.after)) : null,
  };
  return { ...state, codes, episodes: [...state.episodes, episode] };
}

/** Whether anybody is texted of such an alert. */
export function isTexted(
  config: PolicyConfig,
  { severity, alert_type }: Pick<AlertBody, 'severity' | 'alert_type'>,
): boolean {
  const wanted = config.text.includes(severity) && !config.not_texted.includes(alert_type);
  return wanted && config.steps.length > 0;
}

/** The steps that an alert goes through: what does not escalate stops at the first. */
export function stepsOf(config: PolicyConfig, severity: Severity): PolicyConfig['steps'] {
  return config.escalate.includes(severity) ? config.steps : config.steps.slice(0, 1);
}

const repeatOf = (config: PolicyConfig, severity: Severity) =>
  config.escalate.includes(severity) ? config.repeat : config.repeat_others;

/** How long an acknowledgement holds: what does not escalate does not come back sooner than it would be repeated. */
const patienceOf = (config: PolicyConfig, { alert: { severity } }: OpenEpisode) =>
  config.escalate.includes(severity)
    ? config.ack_timeout
    : Math.max(config.ack_timeout, config.repeat_others);

/** An episode whose first message is still being held for company: what joins it shares its message and code. */
const waitsToBeTold = (e: OpenEpisode, atMs: number) =>
  e.ackedMs === null && e.step === 0 && e.nextMs !== null && e.nextMs > atMs;

/** Steps through all four-digit codes in an order that makes neighbours look different. */
const codeText = (n: number) => String(1000 + ((n * 3571) % 9000));

function freshCode(state: PolicyState): number {
  const used = new Set(state.episodes.map((e) => e.code));
  let n = state.codes + 1;
  while (used.has(codeText(n))) n++;
  return n;
}

function onAck(config: PolicyConfig, state: PolicyState, input: PolicyInput & { kind: 'ack' }): Outcome {
  const { by, comment, person, atMs } = input;
  const hit = (e: OpenEpisode) => e.ackedMs === null && (input.code === null || e.code === input.code);
  const acked = state.episodes.filter(hit);
  const taken = (e: OpenEpisode) => ({
    ...e,
    ackedMs: atMs,
    ackedBy: person === undefined ? null : by,
    nextMs: null,
  });
  const episodes = state.episodes.map((e) => (hit(e) ? taken(e) : e));
  const said = comment === undefined ? {} : { comment };
  const effects = acked.map((episode): PolicyEffect => ({ kind: 'acknowledged', episode, by, ...said }));
  const told = hearers(acked, person).map(([to, about]): PolicyEffect => {
    const who = person === undefined ? {} : { by };
    return { kind: 'message', to, about: 'acknowledged', episodes: about, ...who, ...said };
  });
  return { state: prune(config, { ...state, episodes }, atMs), effects: [...effects, ...told] };
}

/** Those who were told, without the one who acknowledged, and of what: one message for each set of people. */
function hearers(acked: readonly OpenEpisode[], person: string | undefined): [string[], OpenEpisode[]][] {
  const groups = new Map<string, [string[], OpenEpisode[]]>();
  for (const episode of [...acked].sort(worstFirst)) {
    const to = episode.told.filter((id) => id !== person);
    if (to.length === 0) continue;
    const group = groups.get(to.join(' ')) ?? [to, []];
    group[1].push(episode);
    groups.set(to.join(' '), group);
  }
  return [...groups.values()];
}

function onTick(config: PolicyConfig, state: PolicyState, atMs: number): Outcome {
  const woken = state.episodes.map((e) => (lapsed(config, e, atMs) ? reopen(config, e, atMs) : e));
  const due = woken.filter((e) => e.nextMs !== null && e.nextMs <= atMs);
  if (due.length === 0) return { state: { ...state, episodes: woken }, effects: [] };
  const { effects: told, sent } = tell(config, prune(config, state, atMs).sent, due, atMs);
  const further = due.filter((e) => e.step > 0 && e.step < stepsOf(config, e.alert.severity).length);
  const effects = [...further.map((episode): PolicyEffect => ({ kind: 'escalated', episode })), ...told];
  const episodes = woken.map((e) => (due.includes(e) ? advance(config, e, atMs) : e));
  return { state: { ...state, episodes, sent }, effects };
}

const lapsed = (config: PolicyConfig, e: OpenEpisode, atMs: number) =>
  e.ackedMs !== null && atMs - e.ackedMs >= patienceOf(config, e);

/** The condition outlived its acknowledgement: the chain starts anew. */
function reopen(config: PolicyConfig, e: OpenEpisode, atMs: number): OpenEpisode {
  const texts = isTexted(config, e.alert);
  return { ...e, ackedMs: null, raisedMs: atMs, step: 0, nextMs: texts ? atMs : null };
}

/** One message for each set of recipients, its worst episode first. */
function tell(config: PolicyConfig, sentBefore: PolicyState['sent'], due: OpenEpisode[], atMs: number) {
  const sent = [...sentBefore];
  const groups = new Map<string, PolicyEffect & { kind: 'message' }>();
  for (const episode of [...due].sort(worstFirst)) {
    const steps = stepsOf(config, episode.alert.severity);
    const reminder = episode.step >= steps.length;
    const recipients = steps[Math.min(episode.step, steps.length - 1)]?.to ?? [];
    const to = reminder ? recipients.filter((r) => underLimit(config, sent, r)) : recipients;
    if (to.length === 0) continue;
    if (reminder) sent.push(...to.map((r) => ({ to: r, atMs })));
    const about = reminder ? 'reminder' : 'alarm';
    const key = `${about} ${to.join(' ')}`;
    const group = groups.get(key) ?? { kind: 'message', to, about, episodes: [] };
    group.episodes.push(episode);
    groups.set(key, group);
  }
  return { effects: [...groups.values()] as PolicyEffect[], sent };
}

function advance(config: PolicyConfig, e: OpenEpisode, atMs: number): OpenEpisode {
  const { severity } = e.alert;
  const steps = stepsOf(config, severity);
  const recipients = steps[Math.min(e.step, steps.length - 1)]?.to ?? [];
  const told = [...new Set([...e.told, ...recipients])];
  const step = e.step + 1;
  const following = steps[step];
  const repeatsDone = step - steps.length;
  const nextMs = following
    ? Math.max(e.raisedMs + following.after, atMs)
    : repeatsDone < config.repeats
      ? atMs + repeatOf(config, severity)
      : null;
  return { ...e, told, step, nextMs };
}

const underLimit = (config: PolicyConfig, sent: PolicyState['sent'], to: string) =>
  sent.filter((s) => s.to === to).length < config.rate_limit.messages;

function prune(config: PolicyConfig, state: PolicyState, atMs: number): PolicyState {
  return { ...state, sent: state.sent.filter((s) => atMs - s.atMs < config.rate_limit.per) };
}

/** An excursion outranks what caused it: vaccine first, then power, doors and probes. */
const TYPE_RANK: readonly AlertType[] = ['excursion', 'mains_lost', 'sensor_fault', 'communication_lost'];

const rankOf = (type: AlertType) => {
  const at = TYPE_RANK.indexOf(type);
  return at < 0 ? TYPE_RANK.length : at;
};

const rank = (severity: Severity) => SEVERITIES.indexOf(severity);

export function worstFirst(a: OpenEpisode, b: OpenEpisode): number {
  return (
    rank(b.alert.severity) - rank(a.alert.severity) ||
    rankOf(a.alert.alert_type) - rankOf(b.alert.alert_type) ||
    a.raisedMs - b.raisedMs
  );
}

function withBuzzer(config: PolicyConfig, outcome: Outcome): Outcome {
  const loud = outcome.state.episodes.filter(
    (e) => e.ackedMs === null && config.buzzer.includes(e.alert.severity),
  );
  const pattern: BuzzerPattern = loud.some((e) => e.alert.severity === 'critical')
    ? 'critical'
    : loud.length > 0
      ? 'warning'
      : 'off';
  if (pattern === outcome.state.buzzer) return outcome;
  return {
    state: { ...outcome.state, buzzer: pattern },
    effects: [{ kind: 'buzzer', pattern }, ...outcome.effects],
  };
}
