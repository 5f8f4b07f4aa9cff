import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { alertMessageSchema } from '../../core/contract/messages.js';
import { fleetCsv, simulateFridge } from '../world/fleet.js';
import { tempFolder } from '../world/services.js';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = tempFolder('backtest');
afterAll(() => folder.remove());

function backtest(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, 'backtest', ...args], {
    encoding: 'utf8',
  });
  return { status, out: stdout, err: stderr };
}

const file = (name: string, content: string | Buffer) => {
  writeFileSync(`${folder.path}/${name}`, content);
  return `${folder.path}/${name}`;
};
const HEADER = 'sensor,ts_utc_iso,temperature_c\n';
const minute = (m: number) => new Date(Date.UTC(2026, 0, 5) + m * 60_000).toISOString();

describe('backtest', () => {
  it('on fridges that it was never tuned on, finds faults of each kind and beats a static threshold’s figures', () => {
    const fleet = Array.from({ length: 10 }, (_, i) => simulateFridge(501 + i, 35));
    const readings = file('fleet.csv.gz', gzipSync(fleetCsv(fleet)));
    const labels = file('labels.json', JSON.stringify(fleet.flatMap(({ events }) => events)));
    const alerts = `${folder.path}/alerts.ndjson`;
    const { status, out } = backtest(
      '--readings',
      readings,
      '--labels',
      labels,
      '--preset',
      'refrigerator-2-8',
      '--alerts',
      alerts,
      '--json',
    );
    expect(status).toBe(0);
    const { score } = JSON.parse(out) as {
      score: {
        events: number;
        f1: number;
        false_alarms_per_sensor_week: number;
        unsafe_warned_10min: number;
      };
    };
    expect(score.events).toBeGreaterThan(20);
    expect(score.f1).toBeGreaterThan(0.65);
    expect(score.false_alarms_per_sensor_week).toBeLessThan(0.6);
    expect(score.unsafe_warned_10min).toBeGreaterThan(0.7);
    const lines = readFileSync(alerts, 'utf8').trim().split('\n');
    for (const line of lines) alertMessageSchema.parse(JSON.parse(line));
    expect(lines.every((line) => /\d/.test((JSON.parse(line) as { summary: string }).summary))).toBe(true);
  });

  it('alarms a fridge that it knows nothing of when it stays outside, and closes when it is back', () => {
    const celsius = (m: number) => (m >= 60 && m < 180 ? 10 + (m % 3) / 10 : 5 + (m % 7) / 10);
    const rows = Array.from({ length: 300 }, (_, m) => `f,${minute(m)},${celsius(m)}`).join('\n');
    const alerts = `${folder.path}/one.ndjson`;
    const run = backtest(
      '--readings',
      file('one.csv', HEADER + rows),
      '--preset',
      'refrigerator-2-8',
      '--alerts',
      alerts,
    );
    expect(run.status).toBe(0);
    const seen = readFileSync(alerts, 'utf8')
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l) as { rule: string; state: string; timestamp: string });
    expect(seen.filter((a) => a.rule === 'warm').map((a) => a.state)).toEqual(['raised', 'cleared']);
    expect(Date.parse(seen[0]!.timestamp)).toBeLessThanOrEqual(Date.parse(minute(91)));
  });

  it.each([
    ['an empty file', '', /no readings/],
    ['another header', 'a,b\n1,2\n', /:1: got "a,b", expected a header/],
    ['no time', `${HEADER}f,yesterday,5\n`, /:2: got "f,yesterday,5"/],
    ['no number', `${HEADER}f,${minute(0)},warm\n`, /:2: .*expected a temperature/],
    ['a broken reading', '{"sensor":"f"\n', /:1: .*expected a reading as JSON/],
  ])('refuses %s, with the line', (_what, content, message) => {
    const run = backtest('--readings', file('bad.csv', content), '--preset', 'refrigerator-2-8');
    expect(run.status).toBe(1);
    expect(run.err).toMatch(message);
  });

  it('says how many rows go back in time, and refuses labels outside the data and presets that are not there', () => {
    const readings = file(
      'back.csv',
      `${HEADER}f,${minute(5)},5\nf,${minute(3)},5\nf,${minute(5)},5\nf,${minute(6)},5\n`,
    );
    const run = backtest('--readings', readings, '--preset', 'refrigerator-2-8', '--json');
    expect(JSON.parse(run.out)).toMatchObject({ readings: 2, out_of_order: { count: 2, firstLine: 3 } });
    const label = {
      event_id: 'x',
      sensor: 'f',
      kind: 'leak',
      onset: minute(-90),
      end: minute(-60),
      unsafe_at: null,
      benign: false,
    };
    const outside = backtest(
      '--readings',
      readings,
      '--preset',
      'refrigerator-2-8',
      '--labels',
      file('l.json', JSON.stringify([label])),
    );
    expect([outside.status, outside.err]).toEqual([
      1,
      expect.stringMatching(/1 events lie outside the readings, first x/),
    ]);
    const turned = backtest(
      '--readings',
      readings,
      '--preset',
      'refrigerator-2-8',
      '--labels',
      file('l2.json', JSON.stringify([{ ...label, end: 'soon' }])),
    );
    expect(turned.err).toMatch(/\[0\]\.end: got "soon"/);
    expect(backtest('--readings', readings, '--preset', 'nothing').status).toBe(2);
    expect(backtest('--readings', readings).status).toBe(2);
    expect(backtest('--readings', `${folder.path}/absent.csv`, '--preset', 'refrigerator-2-8').err).toMatch(
      /ENOENT/,
    );
  });
});
