import { messageOf } from '../../core/errors.js';
import { parseJson } from '../../core/payload.js';

/** Bodies on their way in, of all who were let in together: slow senders cost others time, not us memory. */
export const BODIES_BYTES_MAX = 64 * 1024 * 1024;
/** The same for webhooks, whose signature can only be checked once the body is there. */
export const UNSIGNED_BYTES_MAX = 8 * 1024 * 1024;

export function httpError(statusCode: number, message: string): Error {
  return Object.assign(new Error(message), { statusCode });
}

/** How much may be kept of bodies that have not come to their end. */
export class Room {
  readonly #max: number;
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Reads a body to its end. Rejects with 413 for a body over `limit`, with 503 when there is no room. */
  async read(payload: NodeJS.ReadableStream, limit: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of payload as AsyncIterable<Buffer>) {
        size += chunk.length;
        this.#taken += chunk.length;
        if (size > limit) throw httpError(413, `the body is too large: expected at most ${limit} bytes`);
        if (this.#taken > this.#max) throw httpError(503, 'too many bodies are on their way');
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    } finally {
      this.#taken -= size;
    }
  }
}

/** How many of a costly kind of work run side by side; the others wait their turn. */
export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free -= 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}

export function jsonBody(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw httpError(400, `body: ${messageOf(error)}, expected JSON`);
  }
}
