import { type Clock, every, sleep, type Timer } from '../../../core/clock/clock.js';
import { ColdwatchError, messageOf } from '../../../core/errors.js';
import { AtDialogue, type AtResult, type ByteLink } from './at.js';
import { decodeDeliver, encodeSubmit } from './pdu.js';
import type { PinMemory } from './pin.js';
import type { SmsStatus, SmsTransport } from './transport.js';

/** A link that may break: the modem is then opened anew. */
export interface ModemLink extends ByteLink {
  onClose(fn: (reason: string) => void): void;
  close(): Promise<void>;
}

export interface ModemOptions {
  open: () => Promise<ModemLink>;
  /** Absent: no PIN is ever sent. */
  pin: { code: string; memory: PinMemory } | undefined;
  clock: Clock;
  onProblem: (problem: string) => void;
}

const DRAIN_MS = 300;
const ANSWER_MS = 5000;
const PROMPT_MS = 5000;
/** The network may take a minute to accept a text. */
const SEND_MS = 60_000;
/** A SIM takes its time over a PIN, some 7 s and more. */
const PIN_MS = 30_000;
/** A stop waits so long for the answer to a PIN: unheard, that PIN would not be sent again. */
const PIN_GRACE_MS = 2000;
const REOPEN_MS = 10_000;
const LOOK_MS = 20_000;
/** Failures in a row of the kind "unknown error" after which the modem is restarted. */
const RESET_AFTER = 3;

/** +CMS ERROR codes by what can be done (3GPP TS 27.005, 3.2.5). */
const PERMANENT = new Set([1, 8, 10, 21, 28, 29, 30, 50, 69, 304, 305]);
/** The SIM is locked, absent or busy: mostly a modem that has restarted. Set up anew, it takes the text. */
const SIM_NOT_READY = new Set([310, 311, 312, 313, 314, 315, 316, 317, 318]);
/** A modem that says this on its own has just started, and knows of no command before. */
const RESTARTED = /^(RDY$|\+CPIN: (SIM |PH-|NOT ))/;
/** So it may go on after that, or after a PIN; some say nothing else when they restart. */
const STARTED = /^(\+CPIN: READY|SMS Ready|Call Ready|PB DONE|\+CFUN: 1$)/;
const RESTARTED_TEXT = 'the modem has restarted: it is set up anew';
const PIN_TRIES = 3;
const NEVER_TWICE =
  'It is not sent again, since three wrong ones lock the card: unlock the SIM in a phone, or write the right one to sms.pin.';
const MEMORY_FULL = new Set([320, 321, 322]);
const UNKNOWN_ERROR = 500;

/** A GSM modem in PDU mode on a serial line: one owner, reopened after unplugging, a wrong PIN never tried twice. */
export class Modem implements SmsTransport {
  readonly #options: ModemOptions;
  #link: ModemLink | undefined;
  #at: AtDialogue | undefined;
  #onText: (from: string, text: string) => void = () => {};
  #status: SmsStatus = { ready: false, signal: null, problem: 'not started' };
  #timer: Timer | undefined;
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #reference = 0;
  #unknownErrors = 0;
  #onRestart: () => void = () => {};
  #dialogue: AtDialogue | undefined;
  #unlocking: Promise<unknown> | undefined;

  constructor(options: ModemOptions) {
    this.#options = options;
  }

  status(): SmsStatus {
    return { ...this.#status };
  }

  start(onText: (from: string, text: string) => void): void {
    this.#onText = onText;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#timer?.cancel();
    if (this.#unlocking) await Promise.race([this.#unlocking, sleep(this.#options.clock, PIN_GRACE_MS)]);
    await this.#link?.close();
    this.#dialogue?.abort('stopping');
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#session();
      } catch (error) {
        this.#problem(messageOf(error));
      }
      await this.#link?.close();
      this.#link = undefined;
      this.#at = undefined;
      await sleep(clock, REOPEN_MS, this.#stop.signal);
    }
  }

  /** From opening the port to losing it. */
  async #session(): Promise<void> {
    const link = await this.#options.open();
    this.#link = link;
    const closed = new Promise<string>((resolve) => link.onClose(resolve));
    const at = new AtDialogue(link, this.#options.clock, (line) => this.#unsolicited(at, line));
    this.#dialogue = at;
    for (;;) {
      const restarted = new Promise<undefined>((resolve) => {
        this.#onRestart = () => resolve(undefined);
      });
      await this.#initialise(at);
      this.#at = at;
      this.#status = { ...this.#status, ready: true, problem: null };
      await this.#look();
      this.#timer = every(this.#options.clock, LOOK_MS, () => void this.#look());
      const reason = await Promise.race([closed, restarted]);
      this.#timer.cancel();
      this.#at = undefined;
      if (this.#stop.signal.aborted) return;
      this.#problem(reason === undefined ? RESTARTED_TEXT : `the modem is gone: ${reason}`);
      if (reason !== undefined) return;
    }
  }

  async #initialise(at: AtDialogue): Promise<void> {
    at.raw('\x1b');
    // Answers to what was asked before would pass for answers to what follows.
    await sleep(this.#options.clock, DRAIN_MS, this.#stop.signal);
    await this.#wake(at);
    await at.command('ATE0', ANSWER_MS);
    await at.command('AT+CMEE=1', ANSWER_MS);
    await this.#unlock(at);
    await this.#expect(at, 'AT+CMGF=0', 'PDU mode');
    await at.command('AT+CNMI=2,1,0,0,0', ANSWER_MS);
  }

  /** The first bytes after opening are often lost, or answered to a half-typed line. */
  async #wake(at: AtDialogue): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        if ((await at.command('AT', 1000)).ok) return;
      } catch (error) {
        if (attempt >= 5) throw error;
      }
    }
  }

  async #unlock(at: AtDialogue): Promise<void> {
    const answer = await at.command('AT+CPIN?', ANSWER_MS);
    const state = answer.lines
      .find((line) => line.startsWith('+CPIN:'))
      ?.slice(6)
      .trim();
    const { pin } = this.#options;
    if (state === 'READY') {
      // Nobody heard the answer, and here it is.
      if (pin?.memory.outcomeOf(pin.code) === 'sent') pin.memory.answered(pin.code, 'accepted');
      return;
    }
    if (state !== 'SIM PIN') throw failed(`the SIM is not usable (${state ?? errorText(answer)})`, true);
    if (pin === undefined)
      throw failed('the SIM asks for its PIN: set sms.pin (only the agent sends it, never doctor)', true);
    await this.#sendPin(at, pin);
  }

  /** Once. Whatever stops us before the answer, this PIN has been tried. */
  async #sendPin(at: AtDialogue, { code, memory }: NonNullable<ModemOptions['pin']>): Promise<void> {
    const before = memory.outcomeOf(code);
    if (before === 'refused') throw failed(`the SIM refused the PIN. ${NEVER_TWICE}`, true);
    if (before === 'sent' && !(await this.#allTriesLeft(at)))
      throw failed(`nobody knows whether the SIM took the PIN that was sent before. ${NEVER_TWICE}`, true);
    await memory.sending(code).catch((error: unknown) => {
      throw failed(`the PIN is not sent while it cannot be noted on the card (${messageOf(error)})`, true);
    });
    const answering = at.command(`AT+CPIN=${code}`, PIN_MS);
    this.#unlocking = answering.catch(() => {}).then(() => {});
    const answer = await answering;
    memory.answered(code, answer.ok ? 'accepted' : 'refused');
    if (!answer.ok) throw failed(`the SIM refused the PIN (${errorText(answer)}). ${NEVER_TWICE}`, true);
  }

  /** Where the modem can tell: then no PIN has been refused since the SIM was last unlocked. */
  async #allTriesLeft(at: AtDialogue): Promise<boolean> {
    const { lines } = await at.command('AT+CPINR="SIM PIN"', ANSWER_MS);
    const [, left, all] = /^\+CPINR: ?"?SIM PIN"?, ?(\d+), ?(\d+)/.exec(lines.join('\n')) ?? [];
    return left !== undefined && Number(left) >= PIN_TRIES && left === all;
  }

  async #expect(at: AtDialogue, command: string, what: string): Promise<void> {
    const result = await at.command(command, ANSWER_MS);
    if (!result.ok) throw failed(`the modem refuses ${what} (${errorText(result)})`, true);
  }

  async send(number: string, text: string): Promise<void> {
    const at = this.#at;
    if (!at) throw failed(`no modem: ${this.#status.problem ?? 'starting'}`, true);
    this.#reference = (this.#reference + 1) & 0xff;
    for (const pdu of encodeSubmit(number, text, this.#reference)) {
      const result = await at.prompted(`AT+CMGS=${pdu.length}`, pdu.hex, PROMPT_MS, SEND_MS);
      if (!result.ok) throw await this.#refused(at, result);
      this.#unknownErrors = 0;
    }
  }

  async #refused(at: AtDialogue, result: AtResult): Promise<ColdwatchError> {
    const code = result.error?.kind === 'CMS' ? result.error.code : -1;
    if (MEMORY_FULL.has(code)) await at.command('AT+CMGD=1,1', ANSWER_MS);
    if (code === UNKNOWN_ERROR && ++this.#unknownErrors >= RESET_AFTER) {
      this.#unknownErrors = 0;
      await at.command('AT+CFUN=1,1', ANSWER_MS).catch(() => {});
      void this.#link?.close();
    }
    if (SIM_NOT_READY.has(code)) this.#onRestart();
    return failed(`the network did not take the text (${errorText(result)})`, !PERMANENT.has(code));
  }

  #unsolicited(at: AtDialogue, line: string): void {
    if (line.startsWith('+CMTI:')) void this.#look();
    if (RESTARTED.test(line)) at.abort('the modem has restarted');
    if (RESTARTED.test(line) || (STARTED.test(line) && this.#at)) this.#onRestart();
  }

  /** Reads what has come in, deletes it, and looks at the signal. */
  async #look(): Promise<void> {
    const at = this.#at;
    if (!at) return;
    try {
      await this.#collect(at);
      const csq = (await at.command('AT+CSQ', ANSWER_MS)).lines.find((line) => line.startsWith('+CSQ:'));
      const signal = Number(/\+CSQ: (\d+)/.exec(csq ?? '')?.[1] ?? 99);
      const creg = (await at.command('AT+CREG?', ANSWER_MS)).lines.join();
      const registered = /\+CREG: \d,(1|5)/.test(creg);
      this.#status = {
        ready: true,
        signal: signal === 99 ? null : signal,
        problem: registered ? null : 'not registered in a network',
      };
    } catch (error) {
      this.#problem(messageOf(error));
    }
  }

  async #collect(at: AtDialogue): Promise<void> {
    const { lines } = await at.command('AT+CMGL=4', ANSWER_MS);
    for (let i = 0; i < lines.length; i++) {
      const index = /^\+CMGL: (\d+),/.exec(lines[i]!)?.[1];
      if (index === undefined) continue;
      const received = decodeDeliver(lines[i + 1] ?? '');
      if (received) this.#onText(received.from, received.text);
      await at.command(`AT+CMGD=${index}`, ANSWER_MS);
    }
  }

  #problem(problem: string): void {
    if (problem !== this.#status.problem) this.#options.onProblem(problem);
    this.#status = { ...this.#status, ready: this.#at !== undefined, problem };
  }
}

const failed = (message: string, retry: boolean) => new ColdwatchError('modem.failed', message, { retry });

function errorText(result: AtResult): string {
  const { error } = result;
  if (!error) return result.lines.join(' ') || 'no reason given';
  return error.kind === 'ERROR' ? 'ERROR' : `+${error.kind} ERROR ${error.code}`;
}
