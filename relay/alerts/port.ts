import { createHash } from 'node:crypto';
import { DAY } from '../../core/durations.js';
import type { OwnName } from '../log/reserved.js';

/** As whom the relay raises alerts, and how the rules of those that streams give begin; the finding's kind follows. */
export const RELAY_GATEWAY = 'relay' satisfies OwnName;
export const RULE = 'stream:';

/** Own alerts are read back so far: what stands longer than the log remembers is told once more. */
export const ALERTS_BACK_MS = 30 * DAY;

/** As idSchema has it. */
const ID_MAX = 63;
const DIGEST_LENGTH = 6;

/** SKUs are not made of the letters that ids are: what had to be changed gets a digest, so that no two become one. */
export function idOf(subject: string): string {
  const id = subject
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '-')
    .replace(/^[^a-z0-9]+/, 'x');
  if (id === subject && id.length <= ID_MAX) return id;
  const digest = createHash('sha256').update(subject).digest('hex').slice(0, DIGEST_LENGTH);
  return `${id.slice(0, ID_MAX - DIGEST_LENGTH - 1)}-${digest}`;
}
