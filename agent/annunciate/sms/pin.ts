import { randomBytes, scryptSync } from 'node:crypto';
import { z } from 'zod';
import { sameSecret } from '../../../host/secret.js';

/*
 * Three wrong PINs lock a SIM card until somebody brings its PUK. So a PIN is noted, on the card, before it is sent,
 * and one that was refused, or whose answer nobody heard, is not sent again until the site file has another one.
 */
const noteSchema = z.object({
  salt: z.string(),
  digest: z.string(),
  outcome: z.enum(['sent', 'refused', 'accepted']),
});
type Note = z.infer<typeof noteSchema>;
export type PinOutcome = Note['outcome'];

export interface PinStore {
  load(): unknown;
  /** Resolves once it is on the card; rejects when it may not be. */
  saveDurably(note: unknown): Promise<void>;
  /** On the card sooner or later. */
  save(note: unknown): void;
}

const SALT_BYTES = 16;
const DIGEST_BYTES = 32;

/** What became of the PIN that was sent last. It is kept as a salted hash. */
export class PinMemory {
  readonly #store: PinStore;
  #note: Note | undefined;

  constructor(store: PinStore) {
    this.#store = store;
    const stored = noteSchema.safeParse(store.load());
    this.#note = stored.success ? stored.data : undefined;
    // A ring that began anew was given it for this start only.
    if (this.#note) store.save(this.#note);
  }

  /** Undefined for a PIN that was never sent, or before another one. */
  outcomeOf(pin: string): PinOutcome | undefined {
    const note = this.#note;
    if (!note) return undefined;
    const same = sameSecret(digestOf(pin, note.salt), Buffer.from(note.digest, 'base64'));
    return same ? note.outcome : undefined;
  }

  /** Before it is sent. Rejects when the card does not take the note: then it must not be sent. */
  async sending(pin: string): Promise<void> {
    const before = this.#note;
    this.#note = noteOf(pin, 'sent');
    try {
      await this.#store.saveDurably(this.#note);
    } catch (error) {
      this.#note = before;
      this.#store.save(before ?? null);
      throw error;
    }
  }

  answered(pin: string, outcome: 'refused' | 'accepted'): void {
    this.#note = noteOf(pin, outcome);
    this.#store.save(this.#note);
  }
}

function noteOf(pin: string, outcome: PinOutcome): Note {
  const salt = randomBytes(SALT_BYTES).toString('base64');
  return { salt, digest: digestOf(pin, salt).toString('base64'), outcome };
}

const digestOf = (pin: string, salt: string) => scryptSync(pin, Buffer.from(salt, 'base64'), DIGEST_BYTES);
