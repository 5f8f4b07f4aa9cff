import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Strangers } from './strangers.js';

/** Who may use a route. One that names nobody is for viewers: what is forgotten is closed. */
export type Door = 'anyone' | 'viewer' | 'gateway' | 'source' | 'registry';

declare module 'fastify' {
  interface FastifyContextConfig {
    door?: Door;
    /** What it answers, in one sentence: docs/reference/api.md is made of it. */
    about?: string;
  }
}

/** What is answered instead of the route. */
export interface Refusal {
  status: number;
  body: unknown;
  type?: string;
  headers?: Record<string, string>;
}

/** Looks at a request before its body is read; undefined lets it in. */
export type Porter = (request: FastifyRequest) => Refusal | undefined;

/** The relay's one guard: before any route, and before any byte of a body, whoever asks must be let in. */
export function guard(
  app: FastifyInstance,
  porters: Record<Exclude<Door, 'anyone'>, Porter>,
  strangers: Strangers,
): void {
  app.addHook('onRequest', async (request, reply) => {
    const door = request.routeOptions.config?.door ?? 'viewer';
    const refusal = door === 'anyone' ? undefined : porters[door](request);
    if (refusal) return turnAway(request, reply, refusal);
    if (door !== 'anyone') strangers.known(request.raw.socket);
  });
}

function turnAway(request: FastifyRequest, reply: FastifyReply, refusal: Refusal) {
  // A body that nobody will read is not waited for.
  if (request.method !== 'GET' && request.method !== 'HEAD') reply.header('connection', 'close');
  for (const [name, value] of Object.entries(refusal.headers ?? {})) reply.header(name, value);
  return reply
    .code(refusal.status)
    .type(refusal.type ?? 'application/json')
    .send(refusal.body);
}

export const unauthorised = (message: string): Refusal => ({
  status: 401,
  body: { error: 'unauthorised', message },
  headers: { 'www-authenticate': 'Bearer' },
});

export const forbidden = (message: string): Refusal => ({
  status: 403,
  body: { error: 'forbidden', message },
});
