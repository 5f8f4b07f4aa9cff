import { randomBytes, randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Clock } from '../../core/clock/clock.js';
import type { Claim, Issued } from '../../core/contract/enrolment.js';
import { ColdwatchError, messageOf } from '../../core/errors.js';
import { jsonOf } from '../../core/payload.js';
import { fingerprintOf } from '../../host/secret.js';
import { ENROLMENT_TOPIC, type Log, type StoredRecord } from '../log/port.js';
import { type ClaimVerdict, type Enrolment, EnrolmentBook, enrolmentSchema } from './book.js';
import { type Authority, examine, type GatewayRequest, newSerial } from './ca.js';

export type ClaimOutcome =
  | { outcome: 'issued'; issued: Issued }
  | { outcome: 'wait' }
  | { outcome: 'refused'; why: (ClaimVerdict & { verdict: 'refuse' })['why'] | 'revoked' };

export interface EnrolmentDeps {
  log: Log;
  clock: Clock;
  logger: Logger;
}

/** Crockford's base 32: nothing that is mistaken for another, read aloud or from a label. */
const LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const [GROUPS, GROUP] = [5, 5];

/** 125 bits of chance. */
export function newClaimToken(): string {
  const letters = [...randomBytes(GROUPS * GROUP)].map((byte) => LETTERS[byte % LETTERS.length]);
  return Array.from({ length: GROUPS }, (_, i) => letters.slice(i * GROUP, (i + 1) * GROUP).join('')).join(
    '-',
  );
}

/**
 * The book of who is enrolled, kept in the log. Any relay, and a command beside it, may add to it: the topic has one
 * order, and what comes second with a token that is used changes nothing. So whoever adds reads the book again before it
 * acts on what it has added.
 */
export class EnrolmentRecord {
  readonly book = new EnrolmentBook();
  /** Records of the topic that are none of ours. */
  unreadable = 0;
  readonly #deps: EnrolmentDeps;
  /** Offset of the last record taken: the topic has one partition. */
  #last = -1n;
  #stop: () => Promise<void> = async () => {};

  constructor(deps: EnrolmentDeps) {
    this.#deps = deps;
  }

  /** Reads all that there is. Rejects with log.unavailable; trying again may help. */
  async read(): Promise<void> {
    await reachable(this.#deps.log.read([ENROLMENT_TOPIC], 0, (records) => this.#take(records)));
  }

  /** Reads all that there is, and what others add from now on. */
  async follow(): Promise<void> {
    const since = this.#deps.clock.wall() - OVERLAP_MS;
    await this.read();
    const tail = await reachable(
      this.#deps.log.tail([ENROLMENT_TOPIC], since, (records) => this.#take(records)),
    );
    this.#stop = () => tail.stop();
  }

  async add(event: Enrolment): Promise<void> {
    const { log } = this.#deps;
    const id = randomUUID();
    const value = JSON.stringify(event);
    const key = `${event.gateway}/${id}`;
    await log.publish([{ topic: ENROLMENT_TOPIC, key, value, headers: {}, timestamp: event.atMs, id }]);
    await this.read();
  }

  #take(records: readonly StoredRecord[]): void {
    for (const { value, offset } of records) {
      // Read again from the beginning, what came first would undo what came later.
      if (BigInt(offset) <= this.#last) continue;
      this.#last = BigInt(offset);
      const parsed = enrolmentSchema.safeParse(jsonOf(value));
      if (parsed.success) this.book.take(parsed.data);
      else {
        this.unreadable += 1;
        this.#deps.logger.warn({ offset, topic: ENROLMENT_TOPIC }, 'a record is none of ours');
      }
    }
  }

  close(): Promise<void> {
    return this.#stop();
  }
}

/** A log just made has no leaders for a moment: whoever opens it is to try again. */
async function reachable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ColdwatchError) throw error;
    throw new ColdwatchError('log.unavailable', messageOf(error), { retry: true, cause: error });
  }
}

/** What arrived while the book was read is read twice. */
const OVERLAP_MS = 60_000;

/** With so much of its life left a gateway asks for the next: it may be offline for two months of six. */
const RENEW_AT = 1 / 3;

/** Whoever comes with what is not known makes the book be read, so often at the most. */
const READ_AGAIN_MS = 300;

/** Issues certificates to whoever the book lets. */
export class Enrolments {
  readonly record: EnrolmentRecord;
  readonly #authority: Authority;
  readonly #certificateMs: number;
  readonly #clock: Clock;
  #readAgainAt = Number.NEGATIVE_INFINITY;

  constructor(record: EnrolmentRecord, authority: Authority, certificateMs: number, clock: Clock) {
    this.record = record;
    this.#authority = authority;
    this.#certificateMs = certificateMs;
    this.#clock = clock;
  }

  /** Rejects with wire.invalid for a request that is not this gateway's, with log.* where nothing can be kept. */
  async claim({ gateway, token: secret, csr }: Claim): Promise<ClaimOutcome> {
    const { book } = this.record;
    const [request, token, atMs] = [await examine(csr, gateway), fingerprintOf(secret), this.#clock.wall()];
    const judged = await this.#judge(gateway, token, request.key, atMs);
    if (judged.verdict === 'refuse') return { outcome: 'refused', why: judged.why };
    if (judged.verdict === 'wait') return this.#wait(gateway, token, request.key, atMs);
    const [serial, untilMs] = [newSerial(), atMs + this.#certificateMs];
    await this.record.add({ what: 'claimed', gateway, atMs, token, key: request.key, serial, untilMs });
    // Another may have come first with the same token.
    if (!book.accepts(gateway, serial)) return this.#wait(gateway, token, request.key, atMs);
    return this.#issue(request, { serial, untilMs, clinic: judged.clinic });
  }

  /** Somebody may have invited it a moment ago. */
  async #judge(gateway: string, token: string, key: string, atMs: number): Promise<ClaimVerdict> {
    const judged = this.record.book.claim(gateway, token, key, atMs);
    if (judged.verdict === 'issue' || this.#clock.mono() < this.#readAgainAt) return judged;
    this.#readAgainAt = this.#clock.mono() + READ_AGAIN_MS;
    await this.record.read();
    return this.record.book.claim(gateway, token, key, atMs);
  }

  async #wait(gateway: string, token: string, key: string, atMs: number): Promise<ClaimOutcome> {
    if (this.record.book.isNews(gateway, key))
      await this.record.add({ what: 'waiting', gateway, atMs, token, key });
    return { outcome: 'wait' };
  }

  /** `by`: the serial of the certificate that asks. */
  async renew(gateway: string, by: string, csr: string): Promise<ClaimOutcome> {
    const { book } = this.record;
    const [request, atMs] = [await examine(csr, gateway), this.#clock.wall()];
    const [serial, untilMs] = [newSerial(), atMs + this.#certificateMs];
    await this.record.add({ what: 'renewed', gateway, atMs, by, key: request.key, serial, untilMs });
    const known = book.get(gateway);
    if (!known || !book.accepts(gateway, serial)) return { outcome: 'refused', why: 'revoked' };
    return this.#issue(request, { serial, untilMs, clinic: known.clinic });
  }

  async #issue(
    request: GatewayRequest,
    { serial, untilMs, clinic }: { serial: string; untilMs: number; clinic: string },
  ): Promise<ClaimOutcome> {
    const certificate = await this.#authority.certifyGateway(request, serial, new Date(untilMs));
    const renewAt = Math.round(untilMs - this.#certificateMs * RENEW_AT);
    return {
      outcome: 'issued',
      issued: { certificate, ca: this.#authority.roots, clinic, renew_at: renewAt },
    };
  }
}
