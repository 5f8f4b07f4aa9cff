import type { FastifyRequest } from 'fastify';

/** How long viewers are let in. */
export interface Sessions {
  /** Until when this request's token or session is good, ms since 1970; undefined when it has none. */
  sessionEnd(request: FastifyRequest): number | undefined;
}
