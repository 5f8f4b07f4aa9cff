import type { Logger } from 'pino';
import type { Clock, Timer } from '../../core/clock/clock.js';
import { codeOf, type ErrorCode, messageOf } from '../../core/errors.js';
import type { Alarm } from '../alarm/alarm.js';

const FIRST_RETRY_MS = 1000;
/** Trying costs nothing but a line in nobody's way: who frees a port need not wait long. */
const RETRY_MAX_MS = 30_000;
/** What is not there yet a moment after a start (a port that a former process still holds) is worth no alarm. */
const ALERT_AFTER_MS = 10_000;

/** Of what is said why, in an alert; the log has all of it. */
const WHY_MAX = 200;
const RULE = 'start-';
const ruleOf = (name: string) => `${RULE}${name.replaceAll(' ', '-')}`;

/** Something that may be unable to start now: a port is taken, a line is not there yet. */
export interface Startable {
  name: string;
  /** What is missed while it has not started. */
  lacks: string;
  severity: 'warning' | 'critical';
  start(): Promise<void>;
}

export interface NotStarted {
  name: string;
  problem: string;
  code?: ErrorCode | undefined;
  since: number;
}

/** What cannot start is tried again until it can, shown, and alarmed; everything else runs meanwhile. */
export class Starts {
  readonly #deps: { alarm: Alarm; clock: Clock; log: Logger };
  readonly #failing = new Map<Startable, NotStarted & { monoMs: number }>();
  readonly #rules = new Set<string>();
  readonly #timers = new Map<Startable, Timer>();
  #stopped = false;

  constructor(deps: { alarm: Alarm; clock: Clock; log: Logger }) {
    this.#deps = deps;
  }

  /** Resolves after the first try, whatever came of it. */
  async add(part: Startable): Promise<void> {
    this.#rules.add(ruleOf(part.name));
    await this.#try(part, FIRST_RETRY_MS);
  }

  /** Once all are added: what could not start before, and is gone from the site file, is waited for no more. */
  forgetOthers(): void {
    const { alarm } = this.#deps;
    for (const { rule, severity } of alarm.open) {
      if (!rule.startsWith(RULE) || this.#rules.has(rule)) continue;
      const facts = { part: rule.slice(RULE.length) };
      alarm.condition({ type: 'communication_lost', rule, severity, active: false, cause: 'start', facts });
    }
  }

  get failing(): NotStarted[] {
    return [...this.#failing.values()].map(({ monoMs: _monoMs, ...shown }) => shown);
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
  }

  async #try(part: Startable, againMs: number): Promise<void> {
    const { clock, log } = this.#deps;
    try {
      await part.start();
      if (this.#failing.delete(part)) log.info({ part: part.name }, 'it has started after all');
      this.#alarm(part, undefined);
    } catch (error) {
      if (this.#stopped) return;
      const problem = messageOf(error);
      const code = codeOf(error);
      const before = this.#failing.get(part);
      if (before?.problem !== problem)
        log.error({ part: part.name, problem, code }, 'it did not start: trying again');
      const { since, monoMs } = before ?? { since: clock.wall(), monoMs: clock.mono() };
      this.#failing.set(part, { name: part.name, problem, code, since, monoMs });
      if (clock.mono() - monoMs >= ALERT_AFTER_MS) this.#alarm(part, problem);
      const next = () => void this.#try(part, Math.min(RETRY_MAX_MS, againMs * 2));
      this.#timers.set(part, clock.after(againMs, next, true));
    }
  }

  #alarm({ name, lacks, severity }: Startable, problem: string | undefined): void {
    this.#deps.alarm.condition({
      type: 'communication_lost',
      rule: ruleOf(name),
      severity,
      active: problem !== undefined,
      cause: 'start',
      facts: {
        part: name,
        ...(problem === undefined ? {} : { why: `${problem}. ${lacks}`.slice(0, WHY_MAX) }),
      },
    });
  }
}
