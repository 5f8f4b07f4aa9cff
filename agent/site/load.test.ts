import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatProblem } from '../../host/settings/yaml.js';
import { checkFile } from './check.js';
import { deviceConfigs, openLibrary } from './library.js';
import { loadSite } from './load.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function problems(text: string): string[] {
  const file = join(folder, 'site.yaml');
  writeFileSync(file, text);
  return checkFile(file, []).problems.map((p) => formatProblem(p).replace(`${folder}/`, ''));
}

const SITE = `clinic: { id: c, name: Clinic, timezone: Africa/Nairobi }
gateway: gw
data: /tmp/x
sensors:
  - id: fridge-1
    model: maxim/ds18b20
    preset: refrigerator-2-8
    source: { kind: w1, rom: 28-0316a2795c3f }
`;

/** Each line names the one before nine times. */
const BILLION = ['x', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  .map((name, n, all) =>
    n === 0
      ? 'x: &x [1]'
      : `${name}: &${name} [${Array(9)
          .fill(`*${all[n - 1]}`)
          .join(', ')}]`,
  )
  .join('\n');

describe('site files', () => {
  it('pass when they are good', () => {
    expect(problems(SITE)).toEqual([]);
  });

  it('show mistakes across fields beside those of a field', () => {
    const bad = `${SITE.replace('gateway: gw', 'gateway: Gateway One').replace('28-0316a2795c3f', 'probe-1')}  - { id: fridge-1, model: maxim/ds18b20, preset: refrigerator-2-8, source: { kind: w1, rom: 28-0316a2795c40 } }
people: [{ id: nurse, name: A, phone: "12" }]
alarm: { steps: [{ to: [nurse] }] }
`;
    const found = problems(bad);
    expect(found).toHaveLength(5);
    expect(found.join('\n')).toMatch(/gateway: got "Gateway One"/);
    expect(found.join('\n')).toMatch(/people\[0\].phone: got "12"/);
    expect(found.join('\n')).toMatch(
      /sensors\[1\].id: got "fridge-1", expected an id used once: sensors\[0\]/,
    );
    expect(found.join('\n')).toMatch(/sms: got nothing, expected a modem/);
  });

  it.each([
    [
      'a secret that is not here',
      `${SITE}relay: { url: "https://r.example", token: "\${credential:none}" }\n`,
      /relay.token: warning: got no credential none, expected a file none in/,
    ],
    [
      'a secret in the file',
      `${SITE}relay: { url: "https://r.example", token: abcdefghijklmnopqrst }\n`,
      /relay.token: warning: got a secret/,
    ],
    [
      'a password in an address',
      `${SITE}mqtt: { url: "mqtt://user:pass@localhost" }\n`,
      /mqtt.url: warning: got a secret/,
    ],
    ['a draft', SITE.replace('model:', 'name: TO BE NAMED\n    model:'), /name: warning: got "TO BE NAMED"/],
    [
      'a fridge that nothing watches',
      SITE.replace('    preset: refrigerator-2-8\n', ''),
      /sensors\[0\].preset: warning: got nothing, expected a preset/,
    ],
    [
      'an offset that no certificate allows',
      SITE.replace('preset:', 'calibration: { offset: 12 }\n    preset:'),
      /calibration.offset: warning: got 12 °C/,
    ],
    ['no time zone', SITE.replace(', timezone: Africa/Nairobi', ''), /clinic.timezone: warning: got nothing/],
    [
      'two sensors of one name',
      `${SITE}  - { id: b, name: fridge-1, model: maxim/ds18b20, preset: refrigerator-2-8, source: { kind: w1, rom: 28-0316a2795c40 } }\n`,
      /sensors\[1\].name: warning: got "fridge-1"/,
    ],
  ])('are warned of %s', (_what, text, expected) => {
    const found = problems(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(expected);
  });

  it.each([
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0, 1, 2, 3])],
    ['a video', Buffer.alloc(40_000_000, 'a')],
    ['an anchor inside itself', Buffer.from('clinic: &a { id: c, self: *a }\ngateway: gw\n')],
    ['aliases without end', Buffer.from(BILLION)],
  ])('are refused in one line when they are %s', (_what, bytes) => {
    const file = join(folder, 'site.yaml');
    writeFileSync(file, bytes);
    const found = checkFile(file, []).problems;
    expect(found).toHaveLength(1);
    expect(found[0]!.path).toMatch(/^\((file|syntax)\)$/);
  });

  it('may name models that lie beside them', () => {
    mkdirSync(join(folder, 'models/acme'), { recursive: true });
    const own = readFileSync(join(deviceConfigs(), 'models/maxim/ds18b20.yaml'), 'utf8');
    writeFileSync(join(folder, 'models/acme/probe.yaml'), own);
    expect(problems(SITE.replace('maxim/ds18b20', 'acme/probe'))).toEqual([]);
  });

  it('list every problem at once, each with line, column, path, value and what was expected', () => {
    const bad = SITE.replace('Africa/Nairobi', 'Mars/Olympus')
      .replace('28-0316a2795c3f', 'probe-1')
      .replace('gateway: gw', 'gateway: Gateway One');
    const found = problems(bad);
    expect(found).toHaveLength(3);
    expect(found[0]).toBe(
      'site.yaml:1:42 clinic.timezone: got "Mars/Olympus", expected a time zone such as "Africa/Nairobi"',
    );
    expect(found[1]).toMatch(/^site.yaml:2:10 gateway: got "Gateway One", expected 1 to 63/);
    expect(found[2]).toMatch(/^site.yaml:8:\d+ sensors\[0\].source.rom: got "probe-1", expected a 1-wire id/);
  });

  it.each([
    [
      'a model that does not exist',
      SITE.replace('maxim/ds18b20', 'maxim/ds18b21'),
      /sensors\[0\].model: got "maxim\/ds18b21", expected one of .*maxim\/ds18b20/,
    ],
    ['a misspelt field', `${SITE}gatway: x\n`, /gatway: got an unknown field/],
    [
      'the same probe twice',
      `${SITE}  - { id: b, model: maxim/ds18b20, source: { kind: w1, rom: 28-0316a2795c3f } }\n`,
      /sensors\[1\].source: got "28-0316a2795c3f", expected a probe that no other sensor names/,
    ],
    [
      'a step to nobody',
      `${SITE}sms: { port: /dev/ttyUSB0 }\nalarm: { steps: [{ to: [nurse] }] }\n`,
      /alarm.steps\[0\].to\[0\]: got "nurse"/,
    ],
    [
      'texts without a modem',
      `${SITE}people: [{ id: nurse, name: A, phone: "+254700000001" }]\nalarm: { steps: [{ to: [nurse] }] }\n`,
      /sms: got nothing, expected a modem/,
    ],
    [
      'a duration in words',
      SITE.replace('preset:', 'every: ten minutes\n    preset:'),
      /every: got "ten minutes", expected a duration/,
    ],
    [
      'a misspelt preset, and say which was meant',
      SITE.replace('refrigerator-2-8', 'refridgerator-2-8'),
      /sensors\[0\].preset: got "refridgerator-2-8", expected one of .* \(did you mean "refrigerator-2-8"\?\)/,
    ],
    [
      'a misspelt kind, and say which was meant',
      SITE.replace('kind: w1', 'kind: wl'),
      /sensors\[0\].source.kind: got "wl", expected .*\(did you mean "w1"\?\)/,
    ],
    [
      'limits that are swapped',
      SITE.replace(
        'preset: refrigerator-2-8',
        'rules: [{ kind: threshold, name: a, side: above, limit: 2, dwell: 10m }, { kind: threshold, name: b, side: below, limit: 8, dwell: 10m }]',
      ),
      /sensors\[0\].rules\[0\].limit: got 2, expected more than 8.*swapped/,
    ],
    [
      'a modem and a Modbus on one port',
      `${SITE}  - { id: b, model: xy/xy-md02, preset: refrigerator-2-8, source: { kind: modbus, port: /dev/x } }\nsms: { port: /dev/x }\n`,
      /sensors\[1\].source.port: got "\/dev\/x", expected a port of its own: the modem/,
    ],
    [
      'a line that is taken, and name its other user',
      `${SITE}contacts: [{ id: door, role: door, line: 18 }]\nlines: { buzzer: { line: 18 } }\n`,
      /lines.buzzer.line: got "18", expected a line used once: contact door has it already/,
    ],
    [
      'a tab in the indentation',
      `${SITE}\tfoo: 1\n`,
      /^site.yaml:9:\d+ \(syntax\): got a tab, expected spaces before a name$/,
    ],
    [
      'a name without its colon, in words and once',
      SITE.replace('data: /tmp/x', 'data /tmp/x'),
      /^site.yaml:3:1 \(syntax\): got [^\n]*, expected "name: value" with a space after the colon, as far in as its neighbours$/,
    ],
    [
      'a list that is not closed',
      SITE.replace('rom: 28-0316a2795c3f }', 'rom: 28-0316a2795c3f'),
      /^site.yaml:\d+:\d+ \(syntax\): got a "\{" that nothing closes, expected a "}" before the next line begins$/,
    ],
    [
      'brackets without end',
      'a: '.concat('['.repeat(5000)),
      /^site.yaml:1:\d+ \(syntax\): got brackets nested too deeply, expected valid YAML$/,
    ],
    [
      'a telephone number that YAML took for a number',
      `${SITE}people: [{ id: nurse, name: A, phone: +254700000001 }]\n`,
      /people\[0\].phone: got 254700000001, expected an international number in quotes, such as "\+254700000001"/,
    ],
    [
      'a duration without its unit',
      SITE.replace('preset:', 'every: 15\n    preset:'),
      /every: got 15, expected a duration such as "30s"/,
    ],
    [
      'a date in another order',
      SITE.replace(
        'preset:',
        'calibration: { offset: "-0,3", certificate: K, due: 01.05.2027 }\n    preset:',
      ),
      /calibration.offset: got "-0,3", expected a number\n.*due: got "01.05.2027", expected a date such as 2027-05-01/,
    ],
    [
      'an address without https, and a short token',
      `${SITE}relay: { url: relay.example.org }\n`,
      /relay.url: got "relay.example.org", expected an address such as https:\/\/relay.example.org/,
    ],
    [
      'one where many may stand',
      SITE.replace('gateway: gw', 'gateway: gw\nalarm: { steps: [{ to: nurse }] }'),
      /alarm.steps\[0\].to: got "nurse", expected a list such as \[a, b\]/,
    ],
    [
      'a name that YAML took for a number',
      SITE.replace('name: Clinic', 'name: 12'),
      /clinic.name: got 12, expected text in quotes: "12"/,
    ],
    [
      'a model on the wrong bus',
      SITE.replace('kind: w1, rom: 28-0316a2795c3f', 'kind: line, port: /dev/x'),
      /source.kind: got "line", expected "w1"/,
    ],
  ])('refuse %s', (_what, text, expected) => {
    expect(problems(text).join('\n')).toMatch(expected);
  });

  it('name a secret that is missing, when the program starts', () => {
    const file = join(folder, 'site.yaml');
    writeFileSync(file, `${SITE}relay: { url: "https://r", token: "\${credential:no-such}" }\n`);
    const loaded = loadSite(file);
    expect(loaded.problems.map(formatProblem).join()).toMatch(/relay.token: got no credential no-such/);
  });

  it('never show a claim token, and may hold one: it works once', () => {
    const claimed = (claim: string) =>
      problems(`${SITE}relay: { url: "https://r.example", claim: ${claim} }\n`);
    expect(claimed('K7M2Q-00000-1111')).toEqual([
      expect.stringMatching(/relay.claim: got a secret, expected a claim token/),
    ]);
    expect(claimed('K7M2Q-00000-11111-22222-33333')).toEqual([]);
  });

  it('say so when there is no such file', () => {
    expect(checkFile(join(folder, 'none.yaml')).problems[0]!.got).toBe('no such file');
  });
});

describe('what is shipped', () => {
  it('has no problems', () => {
    const { library, problems: found } = openLibrary(deviceConfigs());
    for (const name of library.models.keys()) expect(library.models.get(name)).toBeDefined();
    for (const name of library.presets.keys()) expect(library.presets.get(name)).toBeDefined();
    expect([...library.presets.keys()]).toContain('refrigerator-2-8');
    expect(found).toEqual([]);
  });
});
