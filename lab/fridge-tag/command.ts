import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import type { ReadingMessage } from '../../core/contract/messages.js';
import { print } from '../../host/output.js';
import { type DayVerdict, type LoggerFile, parseLoggerFile } from './parse.js';
import { verdictOf } from './verdict.js';

export function importCommand(): Command {
  const fridgeTag = new Command('fridge-tag')
    .description('readings of a Fridge-tag logger’s own file, as CSV; or our verdict per day')
    .argument('<FILE>')
    .option('--verdicts', 'apply our rules with the file’s own limits; prints JSON')
    .option('--json', 'print readings as NDJSON')
    .action((path: string, { verdicts, json }: { verdicts?: boolean; json?: boolean }) => {
      const file = parse(path);
      if (file.rows.length === 0) {
        process.stderr.write(`${path}: this model keeps daily summaries only, the file holds no readings\n`);
      }
      if (verdicts) print(JSON.stringify(presentVerdicts(file)));
      else if (json) for (const reading of readingsOf(file)) print(JSON.stringify(reading));
      else printCsv(file);
    });
  return new Command('import').description('history from other loggers').addCommand(fridgeTag);
}

function parse(path: string): LoggerFile {
  try {
    return parseLoggerFile(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

function presentVerdicts(file: LoggerFile) {
  const present = (days: readonly DayVerdict[]) =>
    days.map(({ date, minC, maxC, meanC, alarms }) => ({
      date,
      alarms: alarms.map(({ index, accumulatedMin, raisedAt }) => ({
        index,
        accumulated_min: accumulatedMin,
        raised_at: raisedAt,
      })),
      min: minC,
      max: maxC,
      mean: meanC,
    }));
  return { serial: file.serial, days: present(verdictOf(file)), device_days: present(file.days) };
}

function printCsv({ serial, rows }: LoggerFile): void {
  print('sensor,ts_utc_iso,temperature_c');
  for (const { at, valueC } of rows) print(`${serial},${new Date(at).toISOString()},${valueC ?? ''}`);
}

/** Readings as the relay would publish them; the logger's serial number stands for a ring's epoch. */
function readingsOf({ serial, rows }: LoggerFile): ReadingMessage[] {
  const epoch = createHash('sha256').update(serial).digest('hex').slice(0, 16);
  return rows.flatMap(({ at, valueC }, i) =>
    valueC === null
      ? []
      : [
          {
            clinic: 'imported',
            gateway: 'fridge-tag',
            sensor: serial,
            quantity: 'temperature',
            value: valueC,
            unit: 'Cel',
            measured_at: at,
            time_quality: 'synchronised',
            quality: 'good',
            epoch,
            seq: i + 1,
            backfill: true,
          } satisfies ReadingMessage,
        ],
  );
}
