import { fromSeptets, pack, toSeptets, unpack } from '../../../agent/annunciate/sms/gsm7.js';
import type { PtyEnd } from './pty.js';

/** What a real modem does on a bad day. */
export interface ModemFaults {
  noPrompt?: boolean;
  echo?: boolean;
  /** An unsolicited line in the middle of each answer. */
  chatty?: boolean;
  /** +CMS ERROR of this code instead of sending, this many times. */
  refuse?: { code: number; times: number };
  /** Nothing after Ctrl-Z, this many times. */
  silentAfterText?: number;
  deaf?: boolean;
  pin?: string;
  /** The SIM takes so long over a PIN; for ever: it takes no notice. */
  pinMs?: number;
  /** Tries left are told (AT+CPINR). */
  tellsTries?: boolean;
}

export interface SentText {
  to: string;
  text: string;
  at: number;
}

/** A GSM modem that speaks AT on a pseudo-terminal: PDU mode, prompt, inbox, network answers, faults. */
export class FakeModem {
  readonly #pty: PtyEnd;
  readonly faults: ModemFaults;
  readonly sent: SentText[] = [];
  readonly commands: string[] = [];
  #inbox = new Map<number, string>();
  #nextIndex = 1;
  #reference = 0;
  #buffer = '';
  #awaitingPdu = 0;
  #unlocked: boolean;
  #triesLeft = 3;
  #echo = false;
  #parts = new Map<string, string[]>();

  constructor(pty: PtyEnd, faults: ModemFaults = {}) {
    this.#pty = pty;
    this.faults = faults;
    this.#unlocked = faults.pin === undefined;
    pty.onData((bytes) => this.#feed(bytes.toString('latin1')));
  }

  /** Power fails at the modem alone: the port stays open. What it was asked is forgotten, and the SIM is locked again. */
  restart(silent = false): void {
    this.#buffer = '';
    this.#awaitingPdu = 0;
    this.#echo = true;
    this.#unlocked = this.faults.pin === undefined;
    if (silent) return;
    const lines = ['RDY', '+CFUN: 1', this.#unlocked ? '+CPIN: READY' : '+CPIN: SIM PIN'];
    this.#pty.write(lines.map((line) => `\r\n${line}\r\n`).join(''));
  }

  /** A person texts the gateway. */
  receive(from: string, text: string): void {
    const index = this.#nextIndex++;
    this.#inbox.set(index, deliverPdu(from, text));
    this.#pty.write(`\r\n+CMTI: "SM",${index}\r\n`);
  }

  #feed(chunk: string): void {
    if (this.faults.deaf) return;
    for (const char of chunk) {
      if (char === '\x1b') {
        this.#buffer = '';
        this.#awaitingPdu = 0;
      } else if (this.#awaitingPdu > 0 && char === '\x1a') {
        this.#submit(this.#buffer.trim());
        this.#buffer = '';
      } else if (this.#awaitingPdu === 0 && char === '\r') {
        const command = this.#buffer.trim();
        this.#buffer = '';
        if (command !== '') this.#command(command);
      } else {
        this.#buffer += char;
      }
    }
  }

  #reply(...lines: string[]): void {
    const noise = this.faults.chatty ? ['+CREG: 1,"00C3","A1B2"', '^RSSI:17'] : [];
    this.#pty.write([...noise, ...lines].map((line) => `\r\n${line}\r\n`).join(''));
  }

  #command(command: string): void {
    this.commands.push(command);
    if (this.faults.echo || this.#echo) this.#pty.write(`${command}\r`);
    const pin = /^AT\+CPIN=(\d+)$/.exec(command)?.[1];
    if (pin !== undefined) {
      const ms = this.faults.pinMs ?? 0;
      return Number.isFinite(ms) ? void setTimeout(() => this.#judge(pin), ms) : undefined;
    }
    if (command === 'ATE0') this.#echo = false;
    const remove = /^AT\+CMGD=(\d+)/.exec(command)?.[1];
    if (remove !== undefined) {
      this.#inbox.delete(Number(remove));
      return this.#reply('OK');
    }
    const length = /^AT\+CMGS=(\d+)$/.exec(command)?.[1];
    if (length !== undefined && !this.#unlocked) return this.#reply('+CMS ERROR: 311');
    if (length !== undefined) return this.#prompt(Number(length));
    if (this.faults.tellsTries && command === 'AT+CPINR="SIM PIN"')
      return this.#reply(`+CPINR: SIM PIN,${this.#triesLeft},3`, 'OK');
    const answers: Record<string, string[]> = {
      'AT+CPIN?': [this.#unlocked ? '+CPIN: READY' : '+CPIN: SIM PIN', 'OK'],
      'AT+CREG?': ['+CREG: 0,1', 'OK'],
      'AT+CSQ': ['+CSQ: 17,99', 'OK'],
      'AT+CMGL=4': this.#list(),
    };
    this.#reply(
      ...(answers[command] ?? [/^AT($|E0|\+CMEE|\+CMGF|\+CNMI|\+CFUN)/.test(command) ? 'OK' : 'ERROR']),
    );
  }

  #judge(pin: string): void {
    this.#unlocked = pin === this.faults.pin && this.#triesLeft > 0;
    this.#triesLeft = this.#unlocked ? 3 : this.#triesLeft - 1;
    this.#reply(...(this.#unlocked ? ['OK', '+CPIN: READY'] : ['+CME ERROR: 16']));
  }

  #list(): string[] {
    const entries = [...this.#inbox].flatMap(([index, pdu]) => [
      `+CMGL: ${index},0,,${pdu.length / 2 - 1}`,
      pdu,
    ]);
    return [...entries, 'OK'];
  }

  #prompt(length: number): void {
    if (this.faults.noPrompt) return;
    this.#awaitingPdu = length;
    this.#pty.write('\r\n> ');
  }

  #submit(pdu: string): void {
    const expected = this.#awaitingPdu;
    this.#awaitingPdu = 0;
    if (pdu.length / 2 - 1 !== expected) return this.#reply('+CMS ERROR: 304');
    const { refuse } = this.faults;
    if (refuse && refuse.times > 0) {
      refuse.times -= 1;
      return this.#reply(`+CMS ERROR: ${refuse.code}`);
    }
    this.#record(pdu);
    if ((this.faults.silentAfterText ?? 0) > 0) {
      this.faults.silentAfterText! -= 1;
      return;
    }
    this.#reference = (this.#reference + 1) & 0xff;
    this.#reply(`+CMGS: ${this.#reference}`, 'OK');
  }

  /** What the network would deliver: parts of a long text are put together as a phone does. */
  #record(pdu: string): void {
    const { to, text, part } = parseSubmit(pdu);
    if (!part) {
      this.sent.push({ to, text, at: Date.now() });
      return;
    }
    const key = `${to}/${part.reference}/${part.total}`;
    const parts = this.#parts.get(key) ?? [];
    parts[part.number - 1] = text;
    this.#parts.set(key, parts);
    if (parts.filter((entry) => entry !== undefined).length < part.total) return;
    this.#parts.delete(key);
    this.sent.push({ to, text: parts.join(''), at: Date.now() });
  }
}

const swap = (hex: string) => hex.replace(/(.)(.)/g, '$2$1');

/** SMS-SUBMIT (3GPP TS 23.040, 9.2.2.2), as the network reads it. */
export function parseSubmit(hex: string) {
  const bytes = Buffer.from(hex, 'hex');
  let at = 1 + bytes[0]!;
  const hasHeader = (bytes[at]! & 0x40) !== 0;
  at += 2;
  const digits = bytes[at]!;
  const address = bytes.subarray(at + 2, at + 2 + Math.ceil(digits / 2)).toString('hex');
  at += 2 + Math.ceil(digits / 2);
  const coding = bytes[at + 1]!;
  const length = bytes[at + 2]!;
  const data = bytes.subarray(at + 3);
  const headerBytes = hasHeader ? 1 + data[0]! : 0;
  const part = hasHeader ? { reference: data[3]!, total: data[4]!, number: data[5]! } : undefined;
  const to = `+${swap(address).replace(/f$/i, '')}`;
  if (coding === 8) {
    return { to, part, text: Buffer.from(data.subarray(headerBytes, length)).swap16().toString('utf16le') };
  }
  const fill = (7 - ((headerBytes * 8) % 7)) % 7;
  const septets = length - (headerBytes * 8 + fill) / 7;
  return { to, part, text: fromSeptets(unpack(data.subarray(headerBytes), septets, fill)) };
}

/** SMS-DELIVER with an international sender and a GSM-7 text. */
export function deliverPdu(from: string, text: string): string {
  const digits = from.replace('+', '');
  const septets = (toSeptets(text) ?? []).flat();
  const address = swap(digits.length % 2 ? `${digits}f` : digits);
  const stamp = '62112112000000';
  const fields = [4, digits.length, 0x91].map((byte) => byte.toString(16).padStart(2, '0'));
  const length = septets.length.toString(16).padStart(2, '0');
  return `00${fields[0]}${fields[1]}${fields[2]}${address}0000${stamp}${length}${pack(septets).toString('hex')}`.toUpperCase();
}
