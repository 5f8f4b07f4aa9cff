import { HOUR } from '../../core/durations.js';
/** What a listed person can say by SMS. A sender can be forged: a reply stops an escalation, never changes a limit. */
export type Reply = { kind: 'ack'; code: string; comment?: string } | { kind: 'status' } | { kind: 'other' };

export function parseReply(text: string): Reply {
  const ack = /^\s*ACK\s*[:#]?\s*(\d{4})\b\s*(.*)$/is.exec(text);
  if (ack) {
    const comment = ack[2]!.trim().slice(0, 200);
    return { kind: 'ack', code: ack[1]!, ...(comment === '' ? {} : { comment }) };
  }
  return /^\s*STATUS\b/i.test(text) ? { kind: 'status' } : { kind: 'other' };
}

/** Country codes of two digits; +1 and +7 are one, all others have three (ITU-T E.164). */
const TWO_DIGITS = new Set(
  '20 27 28 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 83 84 86 89 90 91 92 93 94 95 98'.split(
    ' ',
  ),
);

/**
 * Whether a text came from a listed (international) number. Networks show a number with its country code or as it is
 * dialled within the country; one that merely ends alike is another.
 */
export function samePhone(listed: string, sender: string): boolean {
  const digits = listed.replace(/\D/g, '');
  const from = sender.replace(/[\s()-]/g, '');
  if (/^\+\d+$/.test(from)) return from.slice(1) === digits;
  if (!/^\d+$/.test(from)) return false;
  const country = /^[17]/.test(digits) ? 1 : TWO_DIGITS.has(digits.slice(0, 2)) ? 2 : 3;
  const national = digits.slice(country);
  return [digits, `00${digits}`, national, `0${national}`].includes(from);
}

/** Answers to one person in an hour: two machines must not text each other all night. */
export const ANSWERS_PER_HOUR = 10;

export class AnswerLimit {
  readonly #given = new Map<string, number[]>();

  allow(person: string, nowMs: number): boolean {
    const recent = (this.#given.get(person) ?? []).filter((at) => nowMs - at < HOUR);
    const allowed = recent.length < ANSWERS_PER_HOUR;
    this.#given.set(person, allowed ? [...recent, nowMs] : recent);
    return allowed;
  }
}

/** Four digits can be guessed: after so many codes that no alarm has, a sender must wait. */
export const WRONG_CODES_PER_HOUR = 5;

export class CodeGuard {
  readonly #wrong = new Map<string, number[]>();

  mayTry(person: string, nowMs: number): boolean {
    const recent = (this.#wrong.get(person) ?? []).filter((at) => nowMs - at < HOUR);
    this.#wrong.set(person, recent);
    return recent.length < WRONG_CODES_PER_HOUR;
  }

  wrong(person: string, nowMs: number): void {
    this.#wrong.set(person, [...(this.#wrong.get(person) ?? []), nowMs]);
  }
}
