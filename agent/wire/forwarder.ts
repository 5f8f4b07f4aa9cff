import type { Logger } from 'pino';
import type { Clock } from '../../core/clock/clock.js';
import { Enrolment } from '../enrol/enrol.js';
import { IdentityFile } from '../enrol/identity.js';
import { Forwarder } from '../forward/forward.js';
import { RelayHttp } from '../forward/http.js';
import type { ForwardState } from '../forward/options.js';
import type { ForwardConfig } from '../forward/schema.js';
import type { Ring } from '../ring/port.js';
import type { ResolvedSite } from '../site/resolve.js';
import type { GivenUpRows } from '../watch/given-up.js';

export interface OpenForwarder {
  forwarder: Forwarder;
  state: { now: ForwardState };
}

/** Undefined for a gateway that works alone. */
export function openForwarder(
  { config }: ResolvedSite,
  { ring, clock, log, givenUp }: { ring: Ring; clock: Clock; log: Logger; givenUp: GivenUpRows },
): OpenForwarder | undefined {
  if (!config.relay) return undefined;
  const state: { now: ForwardState } = { now: { connected: false, problem: 'not connected yet' } };
  const forwarder = new Forwarder({
    config: config.relay,
    enrolment: openEnrolment(config, config.relay, clock, (problem) => {
      if (problem !== state.now.problem) log.warn({ problem }, 'the relay gives no certificate yet');
      state.now = { ...state.now, problem };
    }),
    clinic: config.clinic.id,
    gateway: config.gateway,
    ring,
    clock,
    random: Math.random,
    onState: (next) => {
      if (next.connected !== state.now.connected) {
        if (next.connected) log.info('the relay answers');
        else log.warn({ problem: next.problem }, 'no relay: readings are kept here');
      }
      state.now = next;
    },
    onGivenUp: (row) => givenUp.report(row),
  });
  return { forwarder, state };
}

/** For a gateway that has a claim token, or was certified for one. */
function openEnrolment(
  { data, gateway }: { data: string; gateway: string },
  relay: ForwardConfig,
  clock: Clock,
  onProblem: (problem: string) => void,
): Enrolment | undefined {
  const file = new IdentityFile(data, gateway);
  if (relay.claim === undefined && !file.read()) return undefined;
  const open = () => new RelayHttp(relay, clock, 1);
  return new Enrolment({ file, gateway, claim: relay.claim, clock, open, onProblem });
}
