/** Deeper than any device or program nests what it sends; deeper, what walks through it takes seconds, or the stack. */
export const JSON_DEPTH_MAX = 32;

/** Parses what came from outside. Throws a SyntaxError for what is no JSON, and before parsing what is nested too deep. */
export function parseJson(text: string): unknown {
  if (isDeeper(text, JSON_DEPTH_MAX)) {
    throw new SyntaxError(`nested deeper than ${JSON_DEPTH_MAX} brackets`);
  }
  return JSON.parse(text);
}

/** Whether more brackets are open at once than `max`; those in strings are text. */
function isDeeper(text: string, max: number): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      i = endOfString(text, i + 1);
    } else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      depth += 1;
      if (depth > max) return true;
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) {
      depth -= 1;
    }
  }
  return false;
}

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Where the string that starts at `i` ends. */
function endOfString(text: string, i: number): number {
  for (let at = i; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) return at;
  }
  return text.length;
}

/** What a text says as JSON; undefined where it says nothing. */
export function jsonOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/** `DS18B20.Temperature`, `temps.0`: own properties only, so that no payload reaches into a prototype. */
export function at(json: unknown, path: string): unknown {
  if (json !== null && typeof json === 'object' && Object.hasOwn(json, path)) {
    return (json as Record<string, unknown>)[path];
  }
  let value = json;
  for (const part of path.split('.')) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

/** Numbers, numbers in quotes (some bridges), and switches (a door contact). Never an empty string. */
export function numeric(value: unknown): number | undefined {
  if (typeof value === 'boolean') return value ? 1 : 0;
  const number = typeof value === 'string' && /^\s*[-+]?\d/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

/** A clock that was never set counts from 1970, 1980 or 2000; no device here is older than this. */
const TIME_FIRST_MS = Date.UTC(2010, 0, 1);
/** What 32 bits hold when all are set is 2106: nobody who says so knows the time. */
const TIME_LAST_MS = Date.UTC(2100, 0, 1);
/** A device's clock may be ahead of ours by this much; hours are a wrong zone, years a wrong clock. */
const TIME_AHEAD_MS = 3_600_000;

/** How a device writes a time: ISO 8601, or seconds or milliseconds since 1970. */
export type TimeFormat = 'iso' | 'unix_s' | 'unix_ms';

/** Milliseconds since 1970, believable or not; undefined for what is no time. */
export function readTime(value: unknown, format: TimeFormat): number | undefined {
  const ms =
    format === 'iso' ? isoMs(value) : (numeric(value) ?? Number.NaN) * (format === 'unix_s' ? 1000 : 1);
  return Number.isFinite(ms) ? Math.round(ms) : undefined;
}

/** As ISO time where a calendar has it, as a number where none does. */
export function showTime(ms: number): string {
  return Math.abs(ms) <= DATE_MAX_MS ? new Date(ms).toISOString() : String(ms);
}
const DATE_MAX_MS = 8.64e15;

/** Whether something may have been measured then, if it is `nowMs` now (absent: nobody knows). */
export function isBelievable(ms: number, nowMs?: number): boolean {
  const last = nowMs === undefined ? TIME_LAST_MS : Math.min(TIME_LAST_MS, nowMs + TIME_AHEAD_MS);
  return ms >= TIME_FIRST_MS && ms < last;
}

/** Only with a zone: a bare local time would be read in the gateway's own zone, and be wrong by hours. */
function isoMs(value: unknown): number {
  if (typeof value !== 'string' || !/T.*(Z|[+-]\d\d:?\d\d)$/.test(value)) return Number.NaN;
  return Date.parse(value);
}

/** A value, short enough for one line of a problem. */
export function text(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 60);
}
