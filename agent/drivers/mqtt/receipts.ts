import { remember } from '../../../core/bounded.js';

/** Where receipts are kept between runs: in the ring, in the same commit as the readings. */
export interface ReceiptStore {
  /** Pairs of packet id and digest, oldest first. */
  receipts(): Float64Array;
  addReceipt(id: number, digest: number): void;
}

/** As many as the ring keeps. */
const REMEMBERED = 8192;

/**
 * What was made durable but perhaps not yet confirmed when the process died. The broker sends it again, marked
 * DUP; with the receipts it makes no second reading. (Mosquitto 2.0 has hundreds of messages under way, though its
 * window says 20.) A later message that reuses a packet id replaces its receipt.
 */
export class Receipts {
  readonly #store: ReceiptStore;
  readonly #seen = new Map<number, number>();

  constructor(store: ReceiptStore) {
    this.#store = store;
    const pairs = store.receipts();
    for (let i = 0; i < pairs.length; i += 2) this.#seen.set(pairs[i]!, pairs[i + 1]!);
  }

  /** True when this very message was taken before. Otherwise it is remembered. */
  repeated(messageId: number, dup: boolean, topic: string, payload: Uint8Array): boolean {
    const digest = fingerprint(topic, payload);
    if (dup && this.#seen.get(messageId) === digest) return true;
    remember(this.#seen, messageId, digest, REMEMBERED);
    this.#store.addReceipt(messageId, digest);
    return false;
  }
}

/** `count` receipts of one message that several sensors share: it is confirmed once all of them have come back. */
export function sharedReceipt(count: number, confirm: () => void): () => void {
  let open = count;
  return () => {
    open -= 1;
    if (open === 0) confirm();
  };
}

/** Two FNV-1a hashes of topic and payload, 53 bits of them in one number: they tell messages apart, no more. */
function fingerprint(topic: string, payload: Uint8Array): number {
  let a = 0x811c9dc5;
  let b = 0x01234567;
  for (let i = 0; i < topic.length; i++) {
    a = Math.imul(a ^ topic.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ topic.charCodeAt(i), 0x5bd1e995);
  }
  for (let i = 0; i < payload.length; i++) {
    a = Math.imul(a ^ payload[i]!, 0x01000193);
    b = Math.imul(b ^ payload[i]!, 0x5bd1e995);
    b ^= b >>> 15;
  }
  return (a >>> 0) * 0x200000 + (b >>> 11);
}
