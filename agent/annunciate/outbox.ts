import { z } from 'zod';
import type { Clock, TimelineMs, Timer } from '../../core/clock/clock.js';
import { ColdwatchError, messageOf } from '../../core/errors.js';
import type { SmsTransport } from './sms/transport.js';

/** Texts that wait at once; beyond it the oldest that has been tried gives way. */
export const OUTBOX_MAX = 200;
const FIRST_RETRY_MS = 10_000;
const LAST_RETRY_MS = 600_000;
/** After a day nobody is helped by the text any more. */
const GIVE_UP_MS = 86_400_000;

const entrySchema = z.object({
  to: z.string(),
  text: z.string(),
  queuedMs: z.number(),
  nextMs: z.number(),
  attempts: z.number(),
  /** The modem fell silent after the text: it may have gone out, so it gets one more attempt only. */
  unknown: z.boolean(),
});
type Entry = z.infer<typeof entrySchema>;

export interface OutboxOptions {
  transport: SmsTransport;
  clock: Clock;
  timeline: () => TimelineMs;
  phoneOf: (person: string) => string | undefined;
  load: () => unknown;
  save: (entries: unknown) => void;
  /** One line for each text that went out, or never will. */
  onOutcome: (person: string, outcome: 'sent' | 'retry' | 'given_up' | 'unknown', detail: string) => void;
}

/** Texts to be sent, kept in the ring until the network has taken them: at least once, in order of need. */
export class Outbox {
  readonly #options: OutboxOptions;
  #entries: Entry[];
  #timer: Timer | undefined;
  #sending: Promise<void> | undefined;
  #stopped = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    const stored = z.array(entrySchema).safeParse(options.load());
    this.#entries = stored.success ? stored.data : [];
  }

  get waiting(): number {
    return this.#entries.length;
  }

  start(): void {
    this.#wake(0);
  }

  push(to: string, text: string): void {
    const now = this.#options.timeline();
    if (this.#entries.length >= OUTBOX_MAX) {
      const oldest = this.#entries.shift();
      if (oldest) this.#options.onOutcome(oldest.to, 'given_up', 'too many texts waiting');
    }
    this.#entries.push({ to, text, queuedMs: now, nextMs: now, attempts: 0, unknown: false });
    this.#save();
    this.#wake(0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #wake(ms: number): void {
    if (this.#stopped || this.#sending) return;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(
      ms,
      () => {
        this.#sending = this.#drain().finally(() => {
          this.#sending = undefined;
          const next = Math.min(...this.#entries.map((entry) => entry.nextMs));
          if (Number.isFinite(next)) this.#wake(Math.max(1000, next - this.#options.timeline()));
        });
      },
      true,
    );
  }

  async #drain(): Promise<void> {
    for (;;) {
      const now = this.#options.timeline();
      const entry = this.#entries.find((candidate) => candidate.nextMs <= now);
      if (!entry || this.#stopped) return;
      await this.#attempt(entry);
      this.#save();
    }
  }

  async #attempt(entry: Entry): Promise<void> {
    const { transport, phoneOf, onOutcome } = this.#options;
    const phone = phoneOf(entry.to);
    if (phone === undefined) return this.#drop(entry, 'given_up', 'no longer among the people of this site');
    try {
      await transport.send(phone, entry.text);
      this.#drop(entry, 'sent', `after ${entry.attempts + 1} attempts`);
    } catch (error) {
      this.#afterFailure(entry, error);
      if (this.#entries.includes(entry)) onOutcome(entry.to, 'retry', messageOf(error));
    }
  }

  #afterFailure(entry: Entry, error: unknown): void {
    const now = this.#options.timeline();
    const silent = error instanceof ColdwatchError && error.code === 'modem.unknown_outcome';
    if (silent && entry.unknown) return this.#drop(entry, 'unknown', messageOf(error));
    if (error instanceof ColdwatchError && !error.retry && !silent) {
      return this.#drop(entry, 'given_up', messageOf(error));
    }
    if (now - entry.queuedMs >= GIVE_UP_MS) return this.#drop(entry, 'given_up', messageOf(error));
    entry.unknown ||= silent;
    entry.attempts += 1;
    entry.nextMs = now + Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(10, entry.attempts - 1));
  }

  #drop(entry: Entry, outcome: 'sent' | 'given_up' | 'unknown', detail: string): void {
    this.#entries = this.#entries.filter((other) => other !== entry);
    this.#options.onOutcome(entry.to, outcome, detail);
  }

  #save(): void {
    this.#options.save(this.#entries);
  }
}
