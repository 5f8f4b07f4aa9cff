/** What a text says as JSON; undefined where it says nothing. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
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

const YEAR_2000_MS = 946_684_800_000;
const YEAR_2200_MS = 7_258_118_400_000;

export type TimeFormat = 'iso' | 'unix_s' | 'unix_ms';

/** Milliseconds since 1970; undefined for what is no time, or of another unit. */
export function parseTime(value: unknown, format: TimeFormat): number | undefined {
  const ms =
    format === 'iso' ? isoMs(value) : (numeric(value) ?? Number.NaN) * (format === 'unix_s' ? 1000 : 1);
  return ms >= YEAR_2000_MS && ms < YEAR_2200_MS ? Math.round(ms) : undefined;
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
