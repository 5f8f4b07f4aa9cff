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

/** Networks show a number with or without its country code: the last eight digits decide. */
export function samePhone(a: string, b: string): boolean {
  const tail = (phone: string) => phone.replace(/\D/g, '').slice(-8);
  return tail(a).length === 8 && tail(a) === tail(b);
}

/** Answers to one person in an hour: two machines must not text each other all night. */
export const ANSWERS_PER_HOUR = 10;

export class AnswerLimit {
  readonly #given = new Map<string, number[]>();

  allow(person: string, nowMs: number): boolean {
    const recent = (this.#given.get(person) ?? []).filter((at) => nowMs - at < 3_600_000);
    const allowed = recent.length < ANSWERS_PER_HOUR;
    this.#given.set(person, allowed ? [...recent, nowMs] : recent);
    return allowed;
  }
}
