import type { Message } from 'kafkajs';
import { z } from 'zod';
import { rangeSetSchema } from '../../../core/contract/range-schema.js';
import { idSchema, streamSchema } from '../../../core/identity.js';
import type { Stream } from '../../../core/stream.js';
import type { Progress } from '../port.js';

/** `gateway/epoch/stream`: the key of a record in gateway.progress, which keeps the last one of each. */
export type ProgressKey = string;
export interface LaneEntry extends Progress {
  gateway: string;
  /** To which the gateway is bound, where it is. */
  clinic?: string | undefined;
}
export type LaneProgress = Map<ProgressKey, LaneEntry>;

const valueSchema = z.object({
  gateway: idSchema,
  epoch: z.string(),
  stream: streamSchema,
  held: rangeSetSchema,
  clinic: idSchema.optional(),
});

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

export function progressMessage(key: ProgressKey, entry: LaneEntry, lane: number): Message {
  const { gateway, epoch, stream, held, clinic } = entry;
  return { key, value: JSON.stringify({ gateway, epoch, stream, held, clinic }), partition: lane };
}

/** Keys of marks that show where reading may end; they carry no progress. */
export const MARK = 'read-to-here/';

/** Takes one record of gateway.progress into what is known of its lane. */
export function keepProgress(progress: LaneProgress, key: ProgressKey, value: Buffer | null): void {
  if (value === null) {
    progress.delete(key);
    return;
  }
  const parsed = valueSchema.safeParse(JSON.parse(value.toString()));
  if (parsed.success) progress.set(key, parsed.data);
}
