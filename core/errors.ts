/** What went wrong, as `area.what`; docs/reference/errors.md says of each what to do. */
export type ErrorCode =
  | 'device.silent'
  | 'device.malformed'
  | 'device.unavailable'
  | 'folder.in_use'
  | 'ring.full'
  | 'ring.unavailable'
  | 'ring.rows_lost'
  | 'wire.invalid'
  | 'wire.too_large'
  | 'wire.refused'
  | 'wire.unreachable'
  | 'log.fenced'
  | 'log.elsewhere'
  | 'log.bound'
  | 'log.unavailable'
  | 'enrol.authority'
  | 'archive.emptied'
  | 'archive.unavailable'
  | 'log.lost'
  | 'log.client'
  | 'modem.failed'
  | 'modem.unknown_outcome';

/** An error that says what to do: a stable code, whether trying again can help, and the cause. */
export class ColdwatchError extends Error {
  readonly code: ErrorCode;
  readonly retry: boolean;

  constructor(code: ErrorCode, message: string, options: { retry?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ColdwatchError';
    this.code = code;
    this.retry = options.retry ?? false;
  }
}

/** The code of what was thrown, where it is one of ours. */
export const codeOf = (error: unknown): ErrorCode | undefined =>
  error instanceof ColdwatchError ? error.code : undefined;

/** What a log line says of anything thrown; `code` where there is one of ours (docs/reference/errors.md). */
export function logged(error: unknown): { error: string; code?: ErrorCode } {
  const code = codeOf(error);
  return { error: messageOf(error), ...(code === undefined ? {} : { code }) };
}

/** The message of anything thrown, for a log line or a person. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  return code === 'EADDRINUSE' && port !== undefined
    ? `another program has the port ${address}:${port}: stop that one, or choose another port`
    : error.message;
}
