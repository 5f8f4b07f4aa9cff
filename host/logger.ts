import { type Logger, pino } from 'pino';

/** JSON lines on stdout for journald. Phone numbers and secrets are never given to it; this is a second line. */
export function openLogger(level: string): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: ['*.phone', '*.token', '*.password', '*.pin', 'headers.authorization'],
      censor: '[hidden]',
    },
  });
}
