import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { type Clock, sleep } from '../../core/clock/clock.js';
import { logged } from '../../core/errors.js';
import type { Stream } from '../../core/stream.js';
import { Elsewhere, type Log, type LogRecord } from './port.js';
import type { OwnName } from './reserved.js';

const ELSEWHERE_MS = 10_000;
const FAILED_MS = 5000;

/**
 * A duty of the relay that appends like a gateway: one stream, numbered without gaps. Of relays that share a log one has
 * it at a time: the one that serves the gateway of that name.
 */
export class OwnRing {
  readonly gateway: OwnName;
  readonly epoch: string;
  readonly #log: Log;
  readonly #stream: Stream;
  #next: number;

  private constructor(log: Log, gateway: OwnName, stream: Stream, next: number) {
    this.#log = log;
    this.gateway = gateway;
    this.epoch = epochOf(gateway);
    this.#stream = stream;
    this.#next = next;
  }

  /** Rejects with Elsewhere when another relay has this duty. */
  static async open(log: Log, gateway: OwnName, stream: Stream): Promise<OwnRing> {
    const mine = (await log.progress(gateway)).find(
      (p) => p.epoch === epochOf(gateway) && p.stream === stream,
    );
    return new OwnRing(log, gateway, stream, (mine?.held.at(-1)?.[1] ?? 0) + 1);
  }

  /** Resolves once all of them are durable. After a rejection the ring must be opened again. */
  async append(records: readonly ((seq: number) => LogRecord)[]): Promise<void> {
    if (records.length === 0) return;
    const from = this.#next;
    const made = records.map((record, i) => record(from + i));
    await this.#log.append({
      gateway: this.gateway,
      epoch: this.epoch,
      stream: this.#stream,
      from,
      records: made,
    });
    this.#next += records.length;
  }
}

/** The same for ever: the numbers go on where they ended. */
const epochOf = (gateway: string) =>
  createHash('sha256').update(`coldwatch-relay/${gateway}`).digest('hex').slice(0, 16);

export interface Duty {
  stop(): Promise<void>;
}

/** Does `work` while this relay has the duty of that name; after a failure again from the start. */
export function runDuty(
  log: Log,
  gateway: OwnName,
  stream: Stream,
  clock: Clock,
  logger: Logger,
  work: (ring: OwnRing, stop: AbortSignal) => Promise<void>,
): Duty {
  const stop = new AbortController();
  const run = async () => {
    while (!stop.signal.aborted) {
      try {
        await work(await OwnRing.open(log, gateway, stream), stop.signal);
      } catch (error) {
        const elsewhere = error instanceof Elsewhere;
        if (!elsewhere) logger.warn({ ...logged(error), duty: gateway }, 'trying again');
        await sleep(clock, elsewhere ? ELSEWHERE_MS : FAILED_MS, stop.signal);
      }
    }
  };
  const running = run();
  return {
    stop: async () => {
      stop.abort();
      await running;
    },
  };
}
