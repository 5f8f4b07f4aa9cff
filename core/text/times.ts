import { DAY, HOUR, MINUTE } from '../durations.js';

/** Clocks are set back by an hour at the most, so what is double lies this near to the change. */
const NEAR_CHANGE_MS = 3 * HOUR;

interface Local {
  day: number;
  month: number;
  /** `HH:MM` */
  clock: string;
  /** Of the zone from UTC, at that moment. */
  offsetMs: number;
}

function local(ms: number, timezone: string): Local {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: timezone,
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const parts = new Map(format.formatToParts(new Date(ms)).map(({ type, value }) => [type, value]));
  const of = (type: Intl.DateTimeFormatPartTypes) => Number(parts.get(type));
  const [year, month, day, hour, minute] = [of('year'), of('month'), of('day'), of('hour'), of('minute')];
  const offsetMs = Date.UTC(year, month - 1, day, hour, minute) - Math.floor(ms / MINUTE) * MINUTE;
  return { day, month, clock: `${parts.get('hour')}:${parts.get('minute')}`, offsetMs };
}

/**
 * A time as people at the clinic read it: `HH:MM`, with the date when that is not today's, and with the zone's hour when
 * the clocks of that night show it twice.
 */
export function clockTime(
  ms: number,
  nowMs: number,
  timezone: string,
  date: (day: number, month: number) => string,
): string {
  const then = local(ms, timezone);
  const now = local(nowMs, timezone);
  const today = then.day === now.day && then.month === now.month && Math.abs(nowMs - ms) < 2 * DAY;
  const zone = isDouble(ms, then.offsetMs, timezone) ? ` ${zoneHour(then.offsetMs)}` : '';
  return `${today ? '' : `${date(then.day, then.month)} `}${then.clock}${zone}`;
}

function isDouble(ms: number, offsetMs: number, timezone: string): boolean {
  return [ms - NEAR_CHANGE_MS, ms + NEAR_CHANGE_MS].some((near) => {
    const other = local(near, timezone).offsetMs;
    return other !== offsetMs && local(ms + offsetMs - other, timezone).offsetMs === other;
  });
}

function zoneHour(offsetMs: number): string {
  const [hours, minutes] = [Math.floor(Math.abs(offsetMs) / HOUR), (Math.abs(offsetMs) % HOUR) / MINUTE];
  return `UTC${offsetMs < 0 ? '-' : '+'}${hours}${minutes === 0 ? '' : `:${String(minutes).padStart(2, '0')}`}`;
}

/** How a language writes a length of time: "2 h 10 min", "saa 2 dakika 10". */
export interface TimeUnits {
  second: string;
  minute: string;
  hour: string;
  day: string;
  /** The unit stands before its number. */
  before?: boolean;
}

export function showDuration(ms: number, units: TimeUnits): string {
  const show = (n: number, unit: string) => (units.before ? `${unit} ${n}` : `${n} ${unit}`);
  const two = (big: number, bigUnit: string, small: number, smallUnit: string) =>
    small === 0 ? show(big, bigUnit) : `${show(big, bigUnit)} ${show(small, smallUnit)}`;
  if (ms < 2 * MINUTE) return show(Math.max(0, Math.round(ms / 1000)), units.second);
  const minutes = Math.round(ms / MINUTE);
  if (minutes < 120) return show(minutes, units.minute);
  if (minutes < 48 * 60) return two(Math.floor(minutes / 60), units.hour, minutes % 60, units.minute);
  const hours = Math.round(ms / HOUR);
  return two(Math.floor(hours / 24), units.day, hours % 24, units.hour);
}
