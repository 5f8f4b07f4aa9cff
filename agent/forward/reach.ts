import { type Clock, sleep } from '../../core/clock/clock.js';
import { messageOf } from '../../core/errors.js';

/*
 * The link's return is noticed by trying, for ever at the same pace: an alert that waits has a try each 3 s, readings
 * one each 9 s. A try that finds no connection costs a packet or two (and none where there is no route at all); the
 * next does not wait for it, since a dead link says nothing.
 */
export const URGENT_TRY_MS = 3000;
export const CALM_TRY_MS = 9000;
/** The first tries come sooner: most outages are a relay that starts again. */
const FIRST_TRY_MS = 1000;
/** Tries lie up to this part of the pace closer together, so that a thousand gateways do not come as one. */
const JITTER = 0.4;
/** For connecting: longer, and the kernel's repeats would cost more than a new try. */
const CONNECT_MS = 3000;
/** For connecting and the whole answer. */
const TRY_MS = 12_000;
/** Every so many tries one may take as long as any request: some links are that slow. */
const PATIENT_EACH = 8;

/** How long a try may take; absent: as long as any request. */
export interface TryLimits {
  connectMs?: number;
  answerMs?: number;
}

export interface ReachDeps<T> {
  clock: Clock;
  random: () => number;
  /** Any answer ends the search, whatever it says. */
  attempt: (limits: TryLimits, signal: AbortSignal) => Promise<T>;
  /** Something waits that should not. */
  urgent: () => boolean;
  /** A site may want tries closer together. */
  paceMaxMs: number;
  onProblem: (problem: string) => void;
  /** Aborted by whoever wants to be heard before the pause is over; a new one each time. */
  poke: () => AbortSignal;
  stop: AbortSignal;
}

/** Tries until something answers. Undefined when it was told to stop. */
export async function reach<T>(deps: ReachDeps<T>): Promise<T | undefined> {
  const { clock, random, stop } = deps;
  const over = new AbortController();
  const end = () => over.abort();
  stop.addEventListener('abort', end, { once: true });
  let won: { answer: T } | undefined;
  try {
    for (let n = 1; !over.signal.aborted; n++) {
      const limits = n % PATIENT_EACH === 0 ? {} : { connectMs: CONNECT_MS, answerMs: TRY_MS };
      deps.attempt(limits, over.signal).then(
        (answer) => {
          won ??= { answer };
          over.abort();
        },
        (error: unknown) => over.signal.aborted || deps.onProblem(messageOf(error)),
      );
      const early = 1 - JITTER * random();
      const started = clock.mono();
      const left = () => Math.min(deps.paceMaxMs, pace(n, deps.urgent())) * early - (clock.mono() - started);
      for (let ms = left(); ms >= 1 && !over.signal.aborted; ms = left()) {
        await sleep(clock, ms, AbortSignal.any([over.signal, deps.poke()]));
      }
    }
    return won?.answer;
  } finally {
    stop.removeEventListener('abort', end);
    over.abort();
  }
}

const pace = (n: number, urgent: boolean) =>
  Math.min(urgent ? URGENT_TRY_MS : CALM_TRY_MS, FIRST_TRY_MS * 2 ** (n - 1));
