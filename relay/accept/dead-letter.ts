import { createHash } from 'node:crypto';
import { type DeadLetter, SOURCE_TOPICS } from '../../core/contract/sources.js';
import type { Problem } from '../../core/schema.js';
import type { Published } from '../log/port.js';

/** A dead letter keeps this much of what came. */
const KEPT_CHARS_MAX = 16_384;
export const PROBLEMS_MAX = 20;

/** What of a source nobody could take. The same thing refused twice is one letter. */
export function deadLetter(source: string, text: string, problems: Problem[], now: number): Published {
  const id = createHash('sha256').update(source).update('\0').update(text).digest('hex').slice(0, 16);
  const letter: DeadLetter = {
    id,
    source,
    received_at: now,
    problems: problems.slice(0, PROBLEMS_MAX),
    body: text.slice(0, KEPT_CHARS_MAX),
    cut: text.length > KEPT_CHARS_MAX,
  };
  const value = JSON.stringify(letter);
  return {
    topic: SOURCE_TOPICS.deadLetter,
    key: source,
    value,
    timestamp: now,
    id: `dead/${id}`,
    headers: { source },
  };
}
