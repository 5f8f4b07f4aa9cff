import type { Message } from 'kafkajs';
import { z } from 'zod';
import { rangeSetSchema } from '../../../core/contract/range-schema.js';
import { idSchema, streamSchema } from '../../../core/identity.js';
import { jsonOf } from '../../../core/payload.js';
import type { Stream } from '../../../core/stream.js';
import type { Progress } from '../port.js';
import type { FetchedMessage } from './client.js';

/*
 * gateway.progress, compacted, a partition a lane. Its keys:
 *   GATEWAY/EPOCH/STREAM  what is held of that stream; none once its ring is closed
 *   GATEWAY/closed        the epochs of its closed rings
 *   lane-begins/          from which offset on this partition is all that there is: see `lost`
 *   read-to-here/         marks that show where reading may end; without value
 */
export type ProgressKey = string;

export interface Entry extends Progress {
  gateway: string;
  /** To which the gateway is bound, where it is. */
  clinic?: string | undefined;
  changedMs: number;
}

export const MARK = 'read-to-here/';
const BEGINS = 'lane-begins/';

const valueSchema = z.object({
  gateway: idSchema,
  epoch: z.string(),
  stream: streamSchema,
  held: rangeSetSchema,
  clinic: idSchema.optional(),
});
const closedSchema = z.object({ gateway: idSchema, closed: z.array(z.string()) });
const beginsSchema = z.object({ low: z.string().regex(/^\d+$/) });

export function progressKey({
  gateway,
  epoch,
  stream,
}: {
  gateway: string;
  epoch: string;
  stream: Stream;
}): ProgressKey {
  return `${gateway}/${epoch}/${stream}`;
}

const closedKey = (gateway: string): ProgressKey => `${gateway}/closed`;

export function progressMessage(
  { gateway, epoch, stream, held, clinic }: Omit<Entry, 'changedMs'>,
  lane: number,
): Message {
  const value = JSON.stringify({ gateway, epoch, stream, held, clinic });
  return { key: progressKey({ gateway, epoch, stream }), value, partition: lane };
}

export const closedMessage = (gateway: string, closed: readonly string[], lane: number): Message => ({
  key: closedKey(gateway),
  value: JSON.stringify({ gateway, closed }),
  partition: lane,
});

export const beginsMessage = (low: string, lane: number): Message => ({
  key: BEGINS,
  value: JSON.stringify({ low }),
  partition: lane,
});

/** What a lane's partition says. */
export class LaneContents {
  readonly #gateways = new Map<string, Map<ProgressKey, Entry>>();
  readonly closed = new Map<string, readonly string[]>();
  /** From where on this partition is whole, as someone has vouched for. */
  begins: bigint | undefined;
  /** Records that are none of ours. */
  unreadable = 0;

  get empty(): boolean {
    return this.#gateways.size === 0;
  }

  get gateways(): number {
    return this.#gateways.size;
  }

  of(gateway: string): ReadonlyMap<ProgressKey, Entry> {
    return this.#gateways.get(gateway) ?? new Map();
  }

  set(entry: Entry): void {
    const mine = this.#gateways.get(entry.gateway) ?? new Map<ProgressKey, Entry>();
    this.#gateways.set(entry.gateway, mine.set(progressKey(entry), entry));
  }

  delete(gateway: string, key: ProgressKey): void {
    const mine = this.#gateways.get(gateway);
    mine?.delete(key);
    if (mine?.size === 0) this.#gateways.delete(gateway);
  }

  take(messages: readonly FetchedMessage[]): void {
    for (const message of messages) if (!this.#takeOne(message)) this.unreadable += 1;
  }

  /** False: it is none of ours. It is passed over, and what was known under its key stays. */
  #takeOne({ key: bytes, value, timestamp }: FetchedMessage): boolean {
    const key = bytes?.toString() ?? '';
    if (key.startsWith(MARK)) return true;
    if (value === null) {
      this.delete(key.slice(0, key.indexOf('/')), key);
      return true;
    }
    const json = jsonOf(value.toString());
    if (key === BEGINS) {
      const begins = beginsSchema.safeParse(json);
      if (begins.success) this.begins = BigInt(begins.data.low);
      return begins.success;
    }
    const closed = closedSchema.safeParse(json);
    if (closed.success && key === closedKey(closed.data.gateway)) {
      this.closed.set(closed.data.gateway, closed.data.closed);
      return true;
    }
    const entry = valueSchema.safeParse(json);
    if (!entry.success || key !== progressKey(entry.data)) return false;
    this.set({ ...entry.data, changedMs: Number(timestamp) });
    return true;
  }
}
