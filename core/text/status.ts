import { type OpenEpisode, worstFirst } from '../policy/local.js';
import { partsOf, plain } from './gsm7.js';
import { addressed, type MessageContext, tell } from './message.js';
import { catalogOf } from './sentence.js';
import { clockTime } from './times.js';

/** A sensor as STATUS tells of it; contacts are none. */
export interface SensorNow {
  id: string;
  name: string;
  /** Whether anything has come from it since the start. */
  heard: boolean;
  /** °C that it says now; null where it says none, or nothing to believe. */
  celsius: number | null;
}

/** A nurse pays for each part, and reads the first. */
const PARTS_MAX = 2;
const SHORT = { worst: false, clock: false } as const;

/**
 * The answer to STATUS: what is wrong, who has it, what has not been heard, then the temperatures, as far as two parts
 * of an SMS go; what does not fit is counted.
 */
export function statusText(
  context: MessageContext,
  episodes: readonly OpenEpisode[],
  sensors: readonly SensorNow[],
): string {
  const { status, date, decimal } = catalogOf(context.language);
  const now = context.nowMs();
  const alarms = [...episodes].sort(worstFirst).map((episode) => alarmItem(context, episode));
  const told = new Set(episodes.filter(tellsValue).map(({ alert }) => alert.sensor));
  const quiet = sensors.filter(({ heard, id }) => !heard && !told.has(id)).map(({ name }) => name);
  const warm = sensors.filter(({ heard, id, celsius }) => heard && !told.has(id) && celsius !== null);
  const shown = ({ name, celsius }: SensorNow) =>
    `${name} ${String(Math.round(celsius! * 10) / 10).replace('.', decimal)}`;
  // Where tenths follow a comma, a comma between sensors would be read as one.
  const between = decimal === ',' ? '; ' : ', ';
  let text = addressed(context, clockTime(now, now, context.timezone, date));
  text = add(text, alarms.length > 0 ? status.alarms(alarms.length) : status.noAlarm, alarms, '; ', '.');
  if (quiet.length > 0) text = add(text, status.unheard, quiet, between, '.');
  if (warm.length > 0) text = add(text, '', warm.map(shown), between, ' C.');
  return text;

  function add(before: string, head: string, items: string[], separator: string, end: string): string {
    const start = plain([before, head].filter((part) => part !== '').join(' '));
    if (items.length === 0) return fits(start) ? start : before;
    for (let count = items.length; count >= 0; count--) {
      const rest = items.length - count;
      const list = [...items.slice(0, count), ...(rest > 0 ? [status.more(rest)] : [])].join(separator);
      const whole = plain(`${start} ${list}${count > 0 ? end : '.'}`);
      if (fits(whole)) return whole;
    }
    return before;
  }
}

const fits = (text: string) => partsOf(text) <= PARTS_MAX;

function alarmItem(context: MessageContext, episode: OpenEpisode): string {
  const words = catalogOf(context.language);
  const { sentence } = tell(context, episode, SHORT);
  const who = episode.ackedMs === null ? '' : `, ${words.status.hasIt(episode.ackedBy ?? null)}`;
  return `${episode.code} ${words.of(context.sensorName(episode.alert.sensor), sentence)}${who}`;
}

/** Its temperature stands in what is said of the alarm, or there is none to be believed. */
function tellsValue({ alert }: OpenEpisode): boolean {
  if (alert.alert_type === 'communication_lost' || alert.alert_type === 'sensor_fault') return true;
  const measured = alert.alert_type === 'excursion' || alert.alert_type === 'pre_alarm';
  return measured && alert.kpi.name === 'temperature' && alert.cause !== 'drift';
}
