import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { type LoggerAlarm, parseLoggerFile } from '../../../lab/fridge-tag/parse.js';

/** Real readings of one or more sensors, in the unit of the file. */
export interface History {
  readings: { sensor: string; at: number; value: number }[];
  /** Limits that the file itself states. */
  alarms: LoggerAlarm[];
  intervalMin: number | undefined;
}

/** Reads a Fridge-tag file, our CSV, or NAB's `timestamp,value`. Throws an error that names the line. */
export function readHistory(file: string): History {
  const bytes = readFileSync(file);
  const text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8');
  if (text.startsWith('Device: ')) {
    const logger = parseLoggerFile(text);
    const sensor = `logger-${logger.serial}`;
    const readings = logger.rows.flatMap(({ at, valueC }) =>
      valueC === null ? [] : [{ sensor, at, value: valueC }],
    );
    return { readings, alarms: logger.alarms, intervalMin: logger.intervalMin };
  }
  return { readings: readCsv(text), alarms: [], intervalMin: undefined };
}

function readCsv(text: string): History['readings'] {
  const lines = text.split(/\r?\n/).filter((line) => line !== '');
  const header = (lines[0] ?? '').split(',');
  const columns =
    header[0] === 'timestamp' && header[1] === 'value'
      ? { sensor: -1, at: 0, value: 1 }
      : {
          sensor: header.indexOf('sensor'),
          at: header.indexOf('ts_utc_iso'),
          value: header.indexOf('temperature_c'),
        };
  if (columns.at < 0 || columns.value < 0) {
    throw new Error(
      `line 1: got "${lines[0]?.slice(0, 60)}", expected sensor,ts_utc_iso,temperature_c or timestamp,value`,
    );
  }
  return lines.slice(1).flatMap((line, i) => {
    const cells = line.split(',');
    const value = cells[columns.value]?.trim();
    if (value === undefined || value === '') return [];
    const stamp = cells[columns.at]?.trim() ?? '';
    const at = Date.parse(/Z$|[+-]\d\d:?\d\d$/.test(stamp) ? stamp : `${stamp.replace(' ', 'T')}Z`);
    if (Number.isNaN(at) || !Number.isFinite(Number(value))) {
      throw new Error(`line ${i + 2}: got "${line.slice(0, 60)}", expected a time and a number`);
    }
    return [
      {
        sensor: columns.sensor < 0 ? 'history' : cells[columns.sensor]!.toLowerCase(),
        at,
        value: Number(value),
      },
    ];
  });
}
