import { createHash } from 'node:crypto';

/** Confirmations remembered: more than a broker ever has under way unconfirmed. */
const REMEMBERED = 128;

/**
 * What was made durable but perhaps not yet confirmed when the process died. The broker sends it again, marked
 * DUP; with the receipts, kept in the same commit as the reading, it makes no second reading.
 * A later message that reuses a packet id replaces its receipt.
 */
export class Receipts {
  readonly #seen = new Map<number, string>();

  constructor(stored: unknown) {
    if (!Array.isArray(stored)) return;
    for (const entry of stored.slice(-REMEMBERED)) {
      if (Array.isArray(entry) && typeof entry[0] === 'number' && typeof entry[1] === 'string') {
        this.#seen.set(entry[0], entry[1]);
      }
    }
  }

  /** True when this very message was taken before. Otherwise it is remembered. */
  repeated(messageId: number, dup: boolean, topic: string, payload: Uint8Array): boolean {
    const digest = createHash('sha1')
      .update(topic)
      .update('\0')
      .update(payload)
      .digest('base64')
      .slice(0, 12);
    if (dup && this.#seen.get(messageId) === digest) return true;
    this.#seen.delete(messageId);
    this.#seen.set(messageId, digest);
    if (this.#seen.size > REMEMBERED) this.#seen.delete(this.#seen.keys().next().value as number);
    return false;
  }

  toJSON(): [number, string][] {
    return [...this.#seen];
  }
}
