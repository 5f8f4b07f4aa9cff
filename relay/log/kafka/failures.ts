import { ColdwatchError, messageOf } from '../../../core/errors.js';
import type { Request } from './requests.js';

/** Kafka refused a request as larger than it takes. The same again is refused again. */
export class TooLarge extends Error {
  readonly request: Request;

  constructor(request: Request, cause: unknown) {
    super(messageOf(cause), { cause });
    this.request = request;
  }
}

export const isTooLarge = (error: unknown): boolean =>
  /^(MESSAGE|RECORD_LIST)_TOO_LARGE$/.test((error as { type?: string }).type ?? '');

/** No part of what was sent can be made smaller: whoever sent it must hear of it, and of nothing but it. */
export const refusedForSize = ({ request, message }: TooLarge): ColdwatchError =>
  new ColdwatchError(
    'wire.too_large',
    `a record of ${request.bytes} bytes is too large for Kafka: ${message}`,
  );

export const unfit = (error: unknown): ColdwatchError =>
  new ColdwatchError('wire.invalid', `a record does not fit its schema: ${messageOf(error)}`, {
    cause: error,
  });

export function unavailable(error: unknown): ColdwatchError {
  if (error instanceof ColdwatchError) return error;
  const fenced = /INVALID_PRODUCER_EPOCH|PRODUCER_FENCED/.test(
    `${(error as { type?: string }).type ?? ''} ${messageOf(error)}`,
  );
  const code = fenced ? 'log.fenced' : 'log.unavailable';
  return new ColdwatchError(code, `Kafka: ${messageOf(error)}`, { retry: true, cause: error });
}
