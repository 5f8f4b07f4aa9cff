import { z } from 'zod';
import { ColdwatchError } from '../../core/errors.js';
import { jsonOf } from '../../core/payload.js';
import type { Answer } from './http.js';

/** A relay may ask to be left alone for so long. */
const RETRY_AFTER_MAX_MS = 300_000;

const elsewhereSchema = z.object({ url: z.url({ protocol: /^https?$/ }) });
/** A relay's words for content that it will never take; a page of somebody in between is no such thing. */
const refusalSchema = z.object({ error: z.string() });

/** An answer that takes nothing now, as an error that says when to ask again. */
export function unhappy({ status, body, retryAfterMs }: Answer): Error {
  const message = `the relay answered ${status}: ${body.slice(0, 200)}`;
  if (status === 421) return new Moved(parse(elsewhereSchema, body).url);
  if (retryAfterMs !== null) return new RetryAfter(message, Math.min(retryAfterMs, RETRY_AFTER_MAX_MS));
  return new ColdwatchError('wire.refused', message, { retry: true });
}

export const isUnanswered = (error: unknown) =>
  error instanceof ColdwatchError && error.code === 'wire.unreachable';

export function isRefusal({ status, body }: Answer): boolean {
  return (status === 400 || status === 422) && refusalSchema.safeParse(jsonOf(body)).success;
}

/** Another relay serves this gateway. */
export class Moved extends Error {
  readonly url: string;

  constructor(url: string) {
    super(`the relay sends this gateway to ${url}`);
    this.url = url;
  }
}

/** The relay said when to come back. */
export class RetryAfter extends Error {
  readonly ms: number;

  constructor(message: string, ms: number) {
    super(message);
    this.ms = ms;
  }
}

/** Portals and gateways on the way answer too: such an answer is as good as none. */
export function ofRelay(answer: Answer): Answer {
  const { status, body, retryAfterMs } = answer;
  const json = jsonOf(body);
  const known = status === 200 ? json !== undefined : refusalSchema.safeParse(json).success;
  if (known || retryAfterMs !== null) return answer;
  throw new ColdwatchError('wire.invalid', `what answers (${status}) is no relay: ${body.slice(0, 80)}`, {
    retry: true,
  });
}

/** The body of an answer that should be a relay’s. */
export function parse<T>(schema: z.ZodType<T>, body: string): T {
  const json = jsonOf(body);
  const what =
    json === undefined ? 'the answer is not JSON: is this a relay?' : 'the answer is not a relay’s';
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw new ColdwatchError('wire.invalid', what, { retry: true, cause: parsed.error });
  return parsed.data;
}
