import type { Logger } from 'pino';
import type { Clock } from '../../core/clock/clock.js';
import type { PolicyEffect, PolicyState } from '../../core/policy/local.js';
import { addressed, type MessageContext, messageText } from '../../core/text/message.js';
import { catalogOf } from '../../core/text/sentence.js';
import { type SensorNow, statusText } from '../../core/text/status.js';
import { Buzzer } from './buzzer.js';
import type { Outbox } from './outbox.js';
import { AnswerLimit, CodeGuard, parseReply, samePhone } from './replies.js';
import type { SmsTransport } from './sms/transport.js';

interface Output {
  write(on: boolean): void;
}

export interface AnnunciatorOptions {
  buzzer: Output | undefined;
  lamp: Output | undefined;
  texts: { outbox: Outbox; transport: SmsTransport } | undefined;
  people: readonly { id: string; name: string; phone: string }[];
  context: Omit<MessageContext, 'worst'>;
  clock: Clock;
  log: Logger;
  sensors: () => SensorNow[];
}

/** The alarm in whose service it is. */
export interface Served {
  /** Codes of the episodes that this acknowledges. */
  acknowledge(code: string | null, who: { by: string; person?: string; comment?: string }): string[];
  worst(episodeId: string): number | undefined;
  readonly policyState: PolicyState;
}

/** Who acknowledged, when it was nobody with a name. */
const BUTTON = 'button';

/** Carries out what policy decided, and brings in what people answer. */
export class Annunciator {
  readonly #options: AnnunciatorOptions;
  readonly #buzzer: Buzzer | undefined;
  readonly #answers = new AnswerLimit();
  readonly #codes = new CodeGuard();
  #served: Served | undefined;

  constructor(options: AnnunciatorOptions) {
    this.#options = options;
    const { buzzer, clock, log } = options;
    if (buzzer)
      this.#buzzer = new Buzzer(buzzer, clock, (error) =>
        log.error({ err: error }, 'the buzzer line failed'),
      );
  }

  /** Before anything is carried out or answered. */
  serve(alarm: Served): void {
    this.#served = alarm;
  }

  get #alarm(): Served {
    if (!this.#served) throw new Error('an annunciator serves no alarm yet');
    return this.#served;
  }

  get #context(): MessageContext {
    return { ...this.#options.context, worst: (episode) => this.#alarm.worst(episode) };
  }

  start(): void {
    this.#options.texts?.outbox.start();
    this.#options.texts?.transport.start((from, text) => this.#received(from, text));
  }

  carryOut(effect: PolicyEffect, openEpisodes: number): void {
    if (effect.kind === 'buzzer') this.#buzzer?.set(effect.pattern);
    if (effect.kind === 'message') this.#tell(effect);
    this.#lamp(openEpisodes > 0);
  }

  /** The button at the gateway: it can mean everything that is firing, and nobody needs a code. */
  pressed(): void {
    const codes = this.#alarm.acknowledge(null, { by: BUTTON });
    this.#options.log.info({ codes }, 'acknowledge button pressed');
  }

  #lamp(on: boolean): void {
    try {
      this.#options.lamp?.write(on);
    } catch (error) {
      this.#options.log.error({ err: error }, 'the lamp line failed');
    }
  }

  #tell(message: PolicyEffect & { kind: 'message' }): void {
    const text = messageText(this.#context, message);
    for (const person of message.to) this.#options.texts?.outbox.push(person, text);
  }

  #received(from: string, text: string): void {
    const { people, log, clock } = this.#options;
    const person = people.find((candidate) => samePhone(candidate.phone, from));
    if (!person) return log.warn('a text from a number that is not among the people of this site: ignored');
    log.info({ person: person.id }, 'a text came in');
    const answer = this.#answer(person, text);
    if (answer !== undefined && this.#answers.allow(person.id, clock.mono()))
      this.#options.texts?.outbox.push(person.id, answer);
  }

  /** Undefined: nothing is answered. */
  #answer(person: { id: string; name: string }, text: string): string | undefined {
    const { context, sensors, clock, log } = this.#options;
    const words = catalogOf(context.language);
    const reply = parseReply(text);
    if (reply.kind === 'ack') {
      if (!this.#codes.mayTry(person.id, clock.mono())) {
        log.warn({ person: person.id }, 'too many codes that no alarm has: ignored for an hour');
        return undefined;
      }
      const comment = reply.comment === undefined ? {} : { comment: reply.comment };
      const who = { by: person.name, person: person.id, ...comment };
      const codes = this.#alarm.acknowledge(reply.code, who);
      if (codes.length === 0) this.#codes.wrong(person.id, clock.mono());
      return addressed(
        context,
        codes.length > 0 ? words.acknowledged(codes.join(', '), person.name) : words.unknownCode(reply.code),
      );
    }
    if (reply.kind === 'other') return addressed(context, words.help);
    return statusText(this.#context, this.#alarm.policyState.episodes, sensors());
  }

  async stop(): Promise<void> {
    this.#buzzer?.stop();
    await this.#options.texts?.outbox.stop();
    await this.#options.texts?.transport.stop();
  }
}
