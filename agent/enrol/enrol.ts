import { type Clock, sleep } from '../../core/clock/clock.js';
import { issuedSchema } from '../../core/contract/enrolment.js';
import { messageOf } from '../../core/errors.js';
import { fingerprintOf } from '../../host/secret.js';
import { parse } from '../forward/answers.js';
import type { Answer, RelayHttp } from '../forward/http.js';
import type { Identity, IdentityFile } from './identity.js';

/** Whoever does not answer is tried again like any relay; whoever refuses is asked seldom, as people must act first. */
const UNANSWERED_MS = 9000;
const REFUSED_MS = 60_000;
/** A relay that renews nobody now is not asked with each batch. */
const RENEW_AGAIN_MS = 600_000;
/** Its answers are read by people. */
const SAID_MAX = 200;

export interface EnrolDeps {
  file: IdentityFile;
  gateway: string;
  /** Absent: it was enrolled before, and its card has no token any more. */
  claim: string | undefined;
  clock: Clock;
  /** To a relay that this gateway has no certificate for yet. */
  open: () => RelayHttp;
  onProblem: (problem: string) => void;
}

/** Gets and keeps this gateway's certificate. */
export class Enrolment {
  readonly #deps: EnrolDeps;
  #identity: Identity | undefined;
  #renewAgainAt = Number.NEGATIVE_INFINITY;

  constructor(deps: EnrolDeps) {
    this.#deps = deps;
    this.#identity = deps.file.read();
  }

  /** What to show to the relay; undefined as long as it has certified nothing. */
  get identity(): (Identity & { certificate: string }) | undefined {
    const now = this.#identity;
    if (!now || now.certificate === null || this.#outdated(now)) return undefined;
    return { ...now, certificate: now.certificate };
  }

  /** Another token was written into the site file: this gateway is to be enrolled anew. */
  #outdated({ claim }: Identity): boolean {
    return this.#deps.claim !== undefined && claim !== fingerprintOf(this.#deps.claim);
  }

  /** Resolves once there is a certificate, or when it is told to stop. */
  async obtain(stop: AbortSignal): Promise<void> {
    const { claim, clock, open, onProblem } = this.#deps;
    if (this.identity) return;
    if (claim === undefined) {
      onProblem('this gateway is not enrolled, and its site file has no claim token');
      return sleep(clock, Number.POSITIVE_INFINITY, stop);
    }
    const http = open();
    try {
      while (!stop.aborted && !this.identity) {
        const pause = await this.#claimOnce(http, claim).catch((error: unknown) => {
          onProblem(messageOf(error));
          return UNANSWERED_MS;
        });
        if (pause > 0) await sleep(clock, pause, stop);
      }
    } finally {
      http.close();
    }
  }

  /** How long to wait before the next try, ms; 0: it is done. */
  async #claimOnce(http: RelayHttp, token: string): Promise<number> {
    const { file, gateway, onProblem } = this.#deps;
    const kept = this.#identity && !this.#outdated(this.#identity) ? this.#identity : undefined;
    const mine = kept ?? file.begin(token);
    this.#identity = mine;
    const { requestFor } = await import('./request.js');
    const csr = await requestFor(gateway, mine.key);
    const answer = await http.post('/v1/enrolments', { gateway, token, csr });
    if (answer.status === 201) {
      this.#take(mine, answer);
      return 0;
    }
    onProblem(`not enrolled: ${saidBy(answer)}`);
    return Math.max(answer.retryAfterMs ?? 0, answer.status >= 500 ? UNANSWERED_MS : REFUSED_MS);
  }

  /** Asks for the next certificate where it is time. True: from now on there is another to show. */
  async renewIfDue(http: RelayHttp): Promise<boolean> {
    const { clock, gateway, onProblem } = this.#deps;
    const mine = this.identity;
    if (!mine || mine.renewAtMs === null || clock.wall() < mine.renewAtMs) return false;
    if (clock.mono() < this.#renewAgainAt) return false;
    this.#renewAgainAt = clock.mono() + RENEW_AGAIN_MS;
    const { requestFor } = await import('./request.js');
    const csr = await requestFor(gateway, mine.key);
    const answer = await http.post(`/v1/gateways/${encodeURIComponent(gateway)}/certificate`, { csr });
    if (answer.status !== 201) {
      onProblem(`the certificate is not renewed: ${saidBy(answer)}`);
      return false;
    }
    this.#take(mine, answer);
    this.#renewAgainAt = Number.NEGATIVE_INFINITY;
    return true;
  }

  #take(mine: Identity, { body }: Answer): void {
    const { certificate, ca, renew_at: renewAtMs } = parse(issuedSchema, body);
    this.#identity = { ...mine, certificate, ca, renewAtMs };
    this.#deps.file.write(this.#identity);
  }
}

function saidBy({ status, body }: Answer): string {
  return `the relay answered ${status}: ${body.slice(0, SAID_MAX)}`;
}
