import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { alertMessageSchema } from '../../core/contract/messages.js';
import { tempFolder } from '../world/run/services.js';

/*
 * Incidents as folders: NAME/site.yaml and NAME/readings.csv go through `coldwatch backtest`, and must give the alerts of
 * NAME/expected.ndjson, field by field. A new one needs no code; NAME/README.md says what happened and what is right.
 * Readings are made by generate.ts, or are somebody's own. After a change that is meant:
 *   CASES=write scripts/with-node vitest run --project world test/cases     and read the difference before it is kept
 */
const HERE = fileURLToPath(new URL('.', import.meta.url));
const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const WRITE = process.env.CASES === 'write';
const CASES = readdirSync(HERE, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);
const run = promisify(execFile);

async function alertsOf(name: string): Promise<string> {
  const folder = tempFolder('case');
  const out = `${folder.path}/alerts.ndjson`;
  try {
    const given = ['--readings', `${HERE}${name}/readings.csv`, '--config', `${HERE}${name}/site.yaml`];
    await run(process.execPath, [CLI, 'backtest', ...given, '--alerts', out]);
    return readFileSync(out, 'utf8');
  } finally {
    folder.remove();
  }
}

const lines = (text: string): unknown[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => alertMessageSchema.parse(JSON.parse(line)));

describe.concurrent('an incident', () => {
  it.each(CASES)('%s', { timeout: 60_000 }, async (name) => {
    expect(readFileSync(`${HERE}${name}/README.md`, 'utf8').length).toBeGreaterThan(100);
    const alerts = await alertsOf(name);
    const expected = `${HERE}${name}/expected.ndjson`;
    if (WRITE) return writeFileSync(expected, alerts);
    expect(lines(alerts)).toEqual(lines(readFileSync(expected, 'utf8')));
  });
});
