/*
 * The text file that Berlinger Q-tag and Fridge-tag loggers write. Nested by one blank of indentation; `key: value`,
 * sometimes several on a line (`T AL: -0.5, t AL: 60`). Sections: the device's own words, `Conf:`, `Hist:` (a block
 * a day, newest first) and, on models that log each sample, `Data:` with tab-separated rows. Lines end in CR LF.
 * Times are the logger's local time; `Zone` is its offset from UTC in hours.
 */
export interface LoggerAlarm {
  index: number;
  side: 'above' | 'below';
  limitC: number;
  dwellMin: number;
}

export interface DayVerdict {
  date: string;
  minC: number | null;
  maxC: number | null;
  meanC: number | null;
  alarms: { index: number; accumulatedMin: number; raisedAt: string | null }[];
}

export interface LoggerRow {
  /** UTC, ms. */
  at: number;
  valueC: number | null;
  outside: boolean;
}

export interface LoggerFile {
  device: string;
  serial: string;
  zoneHours: number;
  alarms: LoggerAlarm[];
  /** Samples this soon after activation are taken, but not shown. */
  delayMin: number;
  intervalMin: number;
  activatedAt: number | null;
  days: DayVerdict[];
  rows: LoggerRow[];
}

class LoggerFileError extends Error {
  constructor(line: number, got: string, expected: string) {
    super(`line ${line}: got ${JSON.stringify(got.slice(0, 60))}, expected ${expected}`);
  }
}

interface Line {
  number: number;
  depth: number;
  key: string;
  value: string;
}

/** Parses a whole file. Throws LoggerFileError, naming the line, when it is not one of these files. */
export function parseLoggerFile(text: string): LoggerFile {
  const raw = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  if (!/^Device: /.test(raw[0] ?? '')) throw new LoggerFileError(1, raw[0] ?? '', 'a line "Device: …"');
  const dataAt = raw.indexOf('Data:');
  const head = toLines(dataAt < 0 ? raw : raw.slice(0, dataAt));
  const conf = block(head, 'Conf', 0);
  const hist = block(head, 'Hist', 0);
  const zoneHours = Number(field(conf, 'Zone', 1) ?? 0);
  if (!Number.isFinite(zoneHours))
    throw new LoggerFileError(1, String(field(conf, 'Zone', 1)), 'Zone in hours');
  const activated = field(hist, 'TS Actv', 1);
  return {
    device: head[0]?.value ?? '',
    serial: field(conf, 'Serial', 1) ?? '',
    zoneHours,
    alarms: alarmsOf(block(conf, 'Alarm', 1)),
    delayMin: Number(field(conf, 'Measurement delay', 1) ?? 0),
    intervalMin: Number(field(conf, 'Logging Interval', 1) ?? 1),
    activatedAt: activated === undefined ? null : toUtc(activated, zoneHours),
    days: daysOf(hist),
    rows: dataAt < 0 ? [] : rowsOf(raw, dataAt + 2, zoneHours),
  };
}

function toLines(raw: readonly string[]): Line[] {
  return raw.flatMap((text, i) => {
    const match = /^( *)([^:]+):\s?(.*)$/.exec(text);
    return match
      ? [{ number: i + 1, depth: match[1]!.length, key: match[2]!.trim(), value: match[3]!.trim() }]
      : [];
  });
}

/** The lines under `key` at `depth`, up to the next line as shallow as it. */
function block(lines: readonly Line[], key: string, depth: number): Line[] {
  const start = lines.findIndex((line) => line.key === key && line.depth === depth);
  if (start < 0) return [];
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => line.depth <= depth);
  return end < 0 ? rest : rest.slice(0, end);
}

function field(lines: readonly Line[], key: string, depth: number): string | undefined {
  return lines.find((line) => line.key === key && line.depth === depth)?.value;
}

/** `+2.0, t AL: 60` under the key `T AL` → the whole line's fields. */
function fields(line: Line): Map<string, string> {
  const parts = `${line.key}: ${line.value}`.split(/,\s*(?=[^,]+:\s)/);
  return new Map(
    parts.map((part) => [part.slice(0, part.indexOf(':')).trim(), part.slice(part.indexOf(':') + 1).trim()]),
  );
}

/** Alarms come as a number and below it `T AL`, `t AL`. The lowest limit of all guards against cold, the rest heat. */
function alarmsOf(lines: readonly Line[]): LoggerAlarm[] {
  const found = lines.flatMap((line, i) => {
    if (line.key !== 'T AL') return [];
    const values = fields(line);
    const [limitC, dwellMin] = [Number(values.get('T AL')), Number(values.get('t AL'))];
    if (!Number.isFinite(limitC) || !Number.isFinite(dwellMin)) {
      throw new LoggerFileError(line.number, line.value, 'a limit in °C and its minutes');
    }
    return [{ index: Number(lines[i - 1]?.key), limitC, dwellMin }];
  });
  const lowest = Math.min(...found.map((alarm) => alarm.limitC));
  return found.map((alarm) => ({
    ...alarm,
    side: found.length > 1 && alarm.limitC === lowest ? ('below' as const) : ('above' as const),
  }));
}

function daysOf(hist: readonly Line[]): DayVerdict[] {
  const starts = hist.flatMap((line, i) => (line.depth === 1 && /^\d+$/.test(line.key) ? [i] : []));
  return starts.map((start, n) => dayOf(hist.slice(start + 1, starts[n + 1] ?? hist.length)));
}

function dayOf(lines: readonly Line[]): DayVerdict {
  const number = (key: string) => {
    const line = lines.find((candidate) => candidate.key === key && candidate.depth === 2);
    const value = line && Number(fields(line).get(key));
    return value === undefined || Number.isNaN(value) ? null : value;
  };
  const alarmLines = block(lines, 'Alarm', 2);
  const alarms = alarmLines.flatMap((line, i) => {
    if (line.key !== 't Acc') return [];
    const values = fields(line);
    return [
      {
        index: Number(alarmLines[i - 1]?.key),
        accumulatedMin: Number(values.get('t Acc')),
        raisedAt: values.get('TS A') ?? null,
      },
    ];
  });
  const date = field(lines, 'Date', 2);
  if (!date || !/^\d{4}-\d\d-\d\d$/.test(date))
    throw new LoggerFileError(lines[0]?.number ?? 0, date ?? '', 'a date');
  return { date, minC: number('Min T'), maxC: number('Max T'), meanC: number('Avrg T'), alarms };
}

function rowsOf(raw: readonly string[], from: number, zoneHours: number): LoggerRow[] {
  const rows: LoggerRow[] = [];
  for (let i = from; i < raw.length && raw[i]!.startsWith('\t'); i++) {
    const [, time = '', value = '', mark = ''] = raw[i]!.split('\t');
    const at = toUtc(time, zoneHours);
    const valueC = value === '--.-' ? null : Number(value);
    if (at === null || Number.isNaN(valueC))
      throw new LoggerFileError(i + 1, raw[i]!, 'a time, a value and perhaps "x"');
    rows.push({ at, valueC, outside: mark.trim() === 'x' });
  }
  return rows;
}

function toUtc(local: string, zoneHours: number): number | null {
  const match = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d)$/.exec(local.trim());
  if (!match) return null;
  const [year, month, day, hour, minute] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  return Date.UTC(year, month - 1, day, hour, minute) - zoneHours * 3_600_000;
}
