import type { Clock, Timer } from '../../../core/clock/clock.js';
import { ColdwatchError } from '../../../core/errors.js';

/** The bytes below the dialogue: a serial port, or a fake in tests. */
export interface ByteLink {
  write(data: string): void;
  onData(fn: (chunk: string) => void): void;
}

/** How a command ended. `lines` are the information lines before the final result. */
export interface AtResult {
  ok: boolean;
  lines: string[];
  /** `ERROR`, or the number of `+CME ERROR:` and `+CMS ERROR:`. */
  error?: { kind: 'ERROR' | 'CME' | 'CMS'; code: number };
}

interface Running {
  command: string;
  lines: string[];
  wantsPrompt: boolean;
  resolve: (result: AtResult | 'prompt') => void;
  reject: (error: Error) => void;
  timer: Timer;
}

/** What a modem says on its own, at any moment, also in the middle of an answer. */
const UNSOLICITED =
  /^(\+CMTI:|\+CMT:|\+CDSI?:|RING$|\+CRING|\+CLIP:|NO CARRIER$|\+CREG: \d(,"|$)|\^|\+CUSD:|SMS Ready|Call Ready|PB DONE|\+PDP|RDY$|\+CFUN: \d$|\+CPIN:)/;

const LINE_MAX = 2048;

/** One AT command at a time over a byte link (3GPP TS 27.007, 27.005): echo or not, noise and unsolicited lines. */
export class AtDialogue {
  readonly #link: ByteLink;
  readonly #clock: Clock;
  readonly #onUnsolicited: (line: string) => void;
  #buffer = '';
  #running: Running | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(link: ByteLink, clock: Clock, onUnsolicited: (line: string) => void) {
    this.#link = link;
    this.#clock = clock;
    this.#onUnsolicited = onUnsolicited;
    link.onData((chunk) => this.#feed(chunk));
  }

  /** Sends a command and waits for its final result. Rejects with device.silent when none comes in time. */
  command(command: string, timeoutMs: number): Promise<AtResult> {
    return this.#exclusive(async () => {
      const result = await this.#exchange(`${command}\r`, command, timeoutMs, false);
      if (result === 'prompt') throw new ColdwatchError('modem.failed', `unexpected prompt after ${command}`);
      return result;
    });
  }

  /**
   * Sends a command that asks for text (AT+CMGS): waits for the prompt `> `, then sends the text and Ctrl-Z.
   * No prompt: ESC, and rejects with modem.failed. Silence after Ctrl-Z: rejects with modem.unknown_outcome,
   * since the network may have taken the message.
   */
  prompted(command: string, text: string, promptMs: number, resultMs: number): Promise<AtResult> {
    return this.#exclusive(async () => {
      const asked = await this.#exchange(`${command}\r`, command, promptMs, true).catch((error: unknown) => {
        if (isAborted(error)) throw error;
        this.#link.write('\x1b');
        throw new ColdwatchError('modem.failed', 'the modem gave no prompt', { retry: true, cause: error });
      });
      if (asked !== 'prompt') return asked;
      try {
        return (await this.#exchange(`${text}\x1a`, text, resultMs, false)) as AtResult;
      } catch (error) {
        if (isAborted(error)) throw error;
        throw new ColdwatchError('modem.unknown_outcome', 'the modem fell silent after the text', {
          cause: error,
        });
      }
    });
  }

  /** Bytes outside any command: ESC to leave a prompt that an earlier run left open. */
  raw(data: string): void {
    this.#link.write(data);
  }

  /** The modem has forgotten what it was asked: the command under way fails now, not when its time is up. */
  abort(why: string): void {
    const running = this.#running;
    this.#running = undefined;
    running?.timer.cancel();
    running?.reject(new ColdwatchError('modem.failed', why, { retry: true }));
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#queue.then(work, work);
    this.#queue = next.catch(() => {});
    return next;
  }

  #exchange(
    data: string,
    command: string,
    timeoutMs: number,
    wantsPrompt: boolean,
  ): Promise<AtResult | 'prompt'> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(timeoutMs, () => {
        this.#running = undefined;
        reject(
          new ColdwatchError('device.silent', `the modem did not answer ${command.slice(0, 12)}`, {
            retry: true,
          }),
        );
      });
      this.#running = { command, lines: [], wantsPrompt, resolve, reject, timer };
      this.#link.write(data);
    });
  }

  #feed(chunk: string): void {
    this.#buffer = (this.#buffer + chunk).slice(-LINE_MAX);
    for (;;) {
      const end = this.#buffer.search(/[\r\n]/);
      if (end < 0) break;
      const line = this.#buffer.slice(0, end).replaceAll('\x1a', '').trim();
      this.#buffer = this.#buffer.slice(end + 1);
      if (line !== '') this.#line(line);
    }
    if (this.#running?.wantsPrompt && /^\s*> ?$/.test(this.#buffer)) {
      this.#buffer = '';
      this.#finish('prompt');
    }
  }

  #line(line: string): void {
    const running = this.#running;
    if (UNSOLICITED.test(line) && !answers(running, line)) return this.#onUnsolicited(line);
    if (!running || line === running.command || line === `> ${running.command}`) return;
    if (line === 'OK') return this.#finish({ ok: true, lines: running.lines });
    const error = /^(?:(ERROR)|\+(CME|CMS) ERROR: ?(\d+).*)$/.exec(line);
    if (error) {
      const kind = (error[1] ?? error[2]) as 'ERROR' | 'CME' | 'CMS';
      return this.#finish({ ok: false, lines: running.lines, error: { kind, code: Number(error[3] ?? -1) } });
    }
    running.lines.push(line);
  }

  #finish(result: AtResult | 'prompt'): void {
    const running = this.#running;
    this.#running = undefined;
    running?.timer.cancel();
    running?.resolve(result);
  }
}

const isAborted = (error: unknown) => error instanceof ColdwatchError && error.code === 'modem.failed';

/** `+CREG: 0,1` is the answer to `AT+CREG?`, and something the modem says by itself at other times. */
function answers(running: Running | undefined, line: string): boolean {
  const asked = running && /^AT(\+[A-Z]+)\?$/.exec(running.command)?.[1];
  return asked !== undefined && line.startsWith(`${asked}:`);
}
