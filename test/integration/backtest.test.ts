import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { alertMessageSchema } from '../../core/contract/messages.js';
import { fleetCsv, simulateFridge } from '../world/data/fleet.js';
import { tempFolder } from '../world/run/services.js';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = tempFolder('backtest');
afterAll(() => folder.remove());

const NAB = fileURLToPath(new URL('../../../shared/data/nab/', import.meta.url));
const backtest = (...args: string[]) => cli('backtest', ...args);

function cli(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
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

  it('trains a forest whose rule then finds what training did not have, and refuses a model it cannot use', () => {
    const cycle = (m: number) => 5 + Math.sin(m / 6) + ((m * 7919) % 13) / 100;
    const rows = (last: (m: number) => number) =>
      HEADER +
      Array.from(
        { length: 4 * 1440 },
        (_, m) => `f,${minute(m)},${(m < 5000 ? cycle(m) : last(m)).toFixed(3)}`,
      ).join('\n');
    const model = `${folder.path}/model.json`;
    const train = cli('train', '--readings', file('good.csv', rows(cycle)), '--out', model, '--json');
    expect([train.status, train.err]).toEqual([0, '']);
    expect(JSON.parse(train.out)).toMatchObject({ readings: 5760, trees: 100 });
    const site = (path: string) =>
      file(
        'site.yaml',
        `clinic: { id: c, name: C }
gateway: gw-1
data: ${folder.path}/data
sensors:
  - id: f
    model: maxim/ds18b20
    source: { kind: w1, rom: 28-000000000001 }
    rules:
      - { kind: anomaly, name: odd, what: forest, model: ${path}, dwell: 10m }
`,
      );
    const alerts = `${folder.path}/odd.ndjson`;
    const odd = file(
      'odd.csv',
      rows((m) => cycle(m) + (m - 5000) / 20),
    );
    const run = backtest('--readings', odd, '--config', site('model.json'), '--alerts', alerts);
    expect([run.status, run.err]).toEqual([0, '']);
    const first = JSON.parse(readFileSync(alerts, 'utf8').split('\n')[0]!) as {
      rule: string;
      timestamp: string;
    };
    expect(first.rule).toBe('odd');
    expect(first.timestamp > minute(5000) && first.timestamp < minute(5120)).toBe(true);
    const damaged = JSON.parse(readFileSync(model, 'utf8')) as { features: string[] };
    damaged.features[0] = 'phase_of_the_moon';
    file('moon.json', JSON.stringify(damaged));
    const refused = cli('check', site('moon.json'));
    expect(refused.status).toBe(1);
    expect(refused.err).toMatch(/moon\.json:1:1 features\[0\]: got "phase_of_the_moon", expected .*"value"/);
    expect(cli('check', site('absent.json')).err).toMatch(/absent\.json.*ENOENT/);
    expect(cli('train', '--readings', odd, '--out', model, '--features', 'moon').status).toBe(2);
  });

  it('writes a report that needs no network, with charts and nothing that a file could inject', () => {
    const rows = Array.from({ length: 300 }, (_, m) => `<b>f</b>,${minute(m)},${m > 100 ? 12 : 5}`).join(
      '\n',
    );
    const html = `${folder.path}/report.html`;
    const run = backtest('--readings', file('h.csv', HEADER + rows), '--preset', 'wa-health', '--html', html);
    expect(run.status).toBe(0);
    const text = readFileSync(html, 'utf8');
    expect(text).toContain('<polygon');
    expect(text).toContain('class="alarm"');
    expect(text).toContain('&#60;b&#62;f');
    expect(text).not.toMatch(/<b>f|https?:/);
  });

  it.skipIf(!existsSync(NAB))(
    'finds both failures of a real office, with at most three false alarms in ten weeks',
    () => {
      const rows = readFileSync(`${NAB}ambient_temperature_system_failure.csv`, 'utf8')
        .trim()
        .split(/\r?\n/)
        .slice(1);
      const celsius = rows.map((row) => {
        const [at, fahrenheit] = row.split(',') as [string, string];
        return `office,${at.replace(' ', 'T')}Z,${(((Number(fahrenheit) - 32) * 5) / 9).toFixed(3)}`;
      });
      const windows = Object.values(
        JSON.parse(readFileSync(`${NAB}combined_windows.json`, 'utf8')) as Record<string, [string, string][]>,
      ).flat();
      const zulu = (text: string) => `${text.slice(0, 19).replace(' ', 'T')}Z`;
      const labels = windows.map(([onset, end], i) => {
        const what = { event_id: `${i}`, sensor: 'office', kind: 'failure', unsafe_at: null, benign: false };
        return { ...what, onset: zulu(onset), end: zulu(end) };
      });
      const run = backtest(
        '--readings',
        file('nab.csv', HEADER + celsius.join('\n')),
        '--labels',
        file('nab.json', JSON.stringify(labels)),
        '--preset',
        'room-anomaly',
        '--nab',
        '--json',
      );
      const { nab, score } = JSON.parse(run.out) as {
        nab: { score: number; windows_found: number };
        score: { false_alarms: number; sensor_weeks: number };
      };
      expect(nab.windows_found).toBe(2);
      expect(score.false_alarms / (score.sensor_weeks / 10)).toBeLessThanOrEqual(3);
      expect(nab.score).toBeGreaterThan(60);
    },
  );

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

  it('says which sensors were most likely read in °F', () => {
    const rows = Array.from({ length: 60 }, (_, m) => `us,${minute(m)},41\nours,${minute(m)},5`).join('\n');
    const run = backtest(
      '--readings',
      file('f.csv', HEADER + rows),
      '--preset',
      'cdc-refrigerator',
      '--json',
    );
    expect(JSON.parse(run.out)).toMatchObject({ suspect_unit: ['us'] });
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
