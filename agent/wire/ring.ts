import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '../../core/clock/clock.js';
import type { AllowedRange } from '../../core/detect/allowed.js';
import { ColdwatchError, messageOf } from '../../core/errors.js';
import { channelKey } from '../../core/reading.js';
import type { ClaimFolder } from '../../host/folder-lock.js';
import { writeWithinMs } from '../forward/schema.js';
import { RingClient } from '../ring/client.js';
import { BYTES_PER_READING } from '../ring/schema.js';
import { innermostLimits } from '../site/limits.js';
import type { ResolvedSite } from '../site/resolve.js';
import { RingNews } from './ring-news.js';

/** Readings kept when there is no card: some hours of a clinic, a few MB. */
const MEMORY_ROWS = 100_000;
/** How often a card that could not be used is tried again. */
const CARD_LOOK_MS = 10_000;

export interface OpenRing {
  ring: RingClient;
  /** Why the card cannot be used; null: the ring is on it. */
  cardFailure: string | null;
  news: RingNews;
}

/**
 * The ring on the card, or, where the card cannot be used at all, in memory: a gateway with a dead card still guards
 * its fridges, and forwards while there is a network.
 */
export async function openRing(
  site: ResolvedSite,
  { claim, boot, clock }: { claim: ClaimFolder; boot: string; clock: Clock },
): Promise<OpenRing> {
  const { config } = site;
  const news = new RingNews();
  const capacity = Math.floor((config.ring.size_mb * 1024 * 1024) / BYTES_PER_READING);
  const options = {
    boot,
    limits: ringLimits(site),
    flushMs: config.ring.flush,
    withinMs: writeWithinMs(config.relay),
    clock,
    ...news.listener,
  };
  try {
    claim(config.data);
    const ring = await RingClient.open({ ...options, file: ringFile(site), capacity });
    return { ring, cardFailure: null, news };
  } catch (error) {
    // A second agent would confirm and text what the first one does already.
    if (error instanceof ColdwatchError && error.code === 'folder.in_use') throw error;
    const inMemory = { ...options, file: ':memory:', capacity: Math.min(capacity, MEMORY_ROWS) };
    return { ring: await RingClient.open(inMemory), cardFailure: messageOf(error), news };
  }
}

const ringFile = ({ config }: ResolvedSite) => join(config.data, 'ring.db');

/** While readings are kept in memory only: once the card takes a ring again, ends what runs and moves there. */
export function awaitCard(
  site: ResolvedSite,
  {
    claim,
    ring,
    clock,
    log,
    drain,
    onMoved,
  }: {
    claim: ClaimFolder;
    ring: RingClient;
    clock: Clock;
    log: Logger;
    drain: () => Promise<void>;
    onMoved: () => void;
  },
): void {
  const look = async () => {
    try {
      claim(site.config.data);
      await ring.probe(ringFile(site));
    } catch {
      clock.after(CARD_LOOK_MS, () => void look(), true);
      return;
    }
    log.warn('the card can be used again: starting anew, on the card');
    await drain();
    await ring.moveTo(ringFile(site));
    onMoved();
  };
  clock.after(CARD_LOOK_MS, () => void look(), true);
}

/** By channel: for the seconds outside of readings that are summed up. */
function ringLimits({ sensors }: ResolvedSite): Map<string, AllowedRange> {
  return new Map(
    sensors.flatMap(({ id: sensor, allRules }) =>
      [...innermostLimits(allRules)].map(([quantity, limits]) => [channelKey({ sensor, quantity }), limits]),
    ),
  );
}
