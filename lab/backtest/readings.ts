import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { utc } from './labels.js';

export interface Row {
  line: number;
  sensor: string;
  atMs: number;
  /** Thousandths of a degree; null where the value is empty. */
  milli: number | null;
}

/** Rows of a readings file: CSV `sensor,ts_utc_iso,temperature_c`, or NDJSON of readings; gzipped or not. Streams. */
export async function* readRows(file: string): AsyncGenerator<Row> {
  const raw = createReadStream(file, { highWaterMark: 1 << 20 });
  const source = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw;
  // An error of the file must reach whoever reads the lines.
  raw.on('error', (error) => source.destroy(error));
  let line = 0;
  let columns: Columns | undefined;
  for await (const text of createInterface({ input: source, crlfDelay: Number.POSITIVE_INFINITY })) {
    line += 1;
    if (text === '') continue;
    if (text.startsWith('{')) {
      const row = fromJson(text, line, file);
      if (row) yield row;
    } else if (!columns) {
      columns = header(text, file, line);
    } else {
      yield fromCsv(text, columns, line, file);
    }
  }
}

interface Columns {
  sensor: number;
  at: number;
  value: number;
}

function header(text: string, file: string, line: number): Columns {
  const names = text.replace(/^\uFEFF/, '').split(',');
  const columns = {
    sensor: names.indexOf('sensor'),
    at: names.indexOf('ts_utc_iso'),
    value: names.indexOf('temperature_c'),
  };
  if (Math.min(columns.sensor, columns.at, columns.value) < 0) {
    throw bad(file, line, text, 'a header with sensor,ts_utc_iso,temperature_c');
  }
  return columns;
}

function fromCsv(text: string, columns: Columns, line: number, file: string): Row {
  const cells = text.split(',');
  const sensor = cells[columns.sensor] ?? '';
  const atMs = utc(cells[columns.at] ?? '');
  const shown = (cells[columns.value] ?? '').trim();
  const value = Number(shown);
  if (sensor === '' || Number.isNaN(atMs)) throw bad(file, line, text, 'a sensor and an ISO time');
  if (shown !== '' && !Number.isFinite(value) && shown.toLowerCase() !== 'nan') {
    throw bad(file, line, text, 'a temperature in °C, or nothing where it is missing');
  }
  return {
    line,
    sensor,
    atMs,
    milli: shown === '' || !Number.isFinite(value) ? null : Math.round(value * 1000),
  };
}

function fromJson(text: string, line: number, file: string): Row | undefined {
  let reading: { sensor?: unknown; quantity?: unknown; value?: unknown; measured_at?: unknown };
  try {
    reading = JSON.parse(text) as typeof reading;
  } catch {
    throw bad(file, line, text, 'a reading as JSON');
  }
  const { sensor, quantity, value, measured_at: atMs } = reading;
  if (typeof sensor !== 'string' || typeof atMs !== 'number' || typeof value !== 'number') {
    throw bad(file, line, text, 'a reading with sensor, value and measured_at');
  }
  return quantity === 'temperature' ? { line, sensor, atMs, milli: Math.round(value * 1000) } : undefined;
}

function bad(file: string, line: number, text: string, expected: string): Error {
  return new Error(`${file}:${line}: got ${JSON.stringify(text.slice(0, 60))}, expected ${expected}`);
}
