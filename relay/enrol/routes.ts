import type { FastifyInstance, FastifyReply } from 'fastify';
import type { z } from 'zod';
import { claimSchema, renewalSchema } from '../../core/contract/enrolment.js';
import { ColdwatchError } from '../../core/errors.js';
import { problemsOf } from '../../core/schema.js';
import type { Gateways } from '../gateways/gateways.js';
import type { Tries } from '../web/tries.js';
import type { ClaimOutcome, Enrolments } from './enrolment.js';

/** Somebody has to look at it: a person takes minutes. */
const WAIT_S = 60;
const BUSY_S = 5;

const CLAIM =
  'A gateway’s first certificate, for its claim token: `{gateway, token, csr}`. 201 `{certificate, ca, clinic}`; 202 while somebody must approve it; 401 wrong, 410 too old, 403 retired';
const RENEW = 'The certificate after this one: `{csr}`. 201 `{certificate, ca, clinic}`';

const WORDS = {
  unknown: { status: 401, error: 'unauthorised', message: 'this is no claim token of that gateway' },
  expired: { status: 410, error: 'expired', message: 'this claim token is too old: ask for a new one' },
  retired: { status: 403, error: 'retired', message: 'this gateway was retired' },
  revoked: { status: 403, error: 'revoked', message: 'the certificate of this gateway was revoked' },
} as const;

/** Where gateways get their certificates. */
export function enrolRoutes(
  app: FastifyInstance,
  enrolments: Enrolments,
  { gateways, tries }: { gateways: Gateways; tries: Tries },
): void {
  app.post('/v1/enrolments', { config: { door: 'anyone', about: CLAIM } }, async (request, reply) => {
    const throttled = tries.refusal(request.ip);
    if (throttled)
      return reply
        .code(throttled.status)
        .headers(throttled.headers ?? {})
        .send(throttled.body);
    const claim = parsed(claimSchema, request.body, reply);
    if (!claim) return reply;
    const outcome = await attempt(reply, () => enrolments.claim(claim));
    if (!outcome) return reply;
    if (outcome.outcome === 'refused' && outcome.why === 'unknown') tries.failed(request.ip);
    return answer(reply, outcome);
  });

  app.post<{ Params: { id: string } }>(
    '/v1/gateways/:id/certificate',
    { config: { door: 'gateway', about: RENEW } },
    async (request, reply) => {
      const serial = gateways.enrolledBy(request);
      if (serial === undefined)
        return reply
          .code(403)
          .send({ error: 'forbidden', message: 'expected a certificate that this relay issued' });
      const body = parsed(renewalSchema, request.body, reply);
      if (!body) return reply;
      const outcome = await attempt(reply, () => enrolments.renew(request.params.id, serial, body.csr));
      return outcome ? answer(reply, outcome) : reply;
    },
  );
}

function parsed<T>(schema: z.ZodType<T>, body: unknown, reply: FastifyReply): T | undefined {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  // A token that is nearly right is still a secret.
  const problems = problemsOf(result.error, body, schema).map((one) =>
    one.path === 'token' ? { ...one, got: 'something else' } : one,
  );
  void reply.code(400).send({ error: 'invalid', problems });
  return undefined;
}

async function attempt(
  reply: FastifyReply,
  work: () => Promise<ClaimOutcome>,
): Promise<ClaimOutcome | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ColdwatchError)) throw error;
    if (error.code === 'wire.invalid')
      void reply.code(400).send({ error: 'invalid', message: error.message });
    else
      void reply
        .code(503)
        .header('retry-after', BUSY_S)
        .send({ error: 'busy', message: 'nothing can be kept now' });
    return undefined;
  }
}

function answer(reply: FastifyReply, outcome: ClaimOutcome) {
  if (outcome.outcome === 'issued') return reply.code(201).send(outcome.issued);
  if (outcome.outcome === 'wait') {
    const message =
      'this claim token was used with another card: somebody must approve this one (coldwatch relay gateways approve)';
    return reply.code(202).header('retry-after', WAIT_S).send({ error: 'waiting', message });
  }
  const { status, error, message } = WORDS[outcome.why];
  return reply.code(status).send({ error, message });
}
