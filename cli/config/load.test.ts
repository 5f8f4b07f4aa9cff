import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkFile, deviceConfigs, loadSite, openLibrary } from './load.js';
import { formatProblem } from './yaml.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function problems(text: string): string[] {
  const file = join(folder, 'site.yaml');
  writeFileSync(file, text);
  return checkFile(file).problems.map((p) => formatProblem(p).replace(`${folder}/`, ''));
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

describe('site files', () => {
  it('pass when they are good', () => {
    expect(problems(SITE)).toEqual([]);
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
      /sensors\[1\].source: got .*expected a probe that no other sensor names/,
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
    ['a missing secret', `${SITE}relay: { url: "https://r", token: "\${credential:none}" }\n`, null],
    ['a tab in the indentation', `${SITE}\tfoo: 1\n`, /\(syntax\)/],
    [
      'a model on the wrong bus',
      SITE.replace('kind: w1, rom: 28-0316a2795c3f', 'kind: line, port: /dev/x'),
      /source.kind: got "line", expected "w1"/,
    ],
  ])('refuse %s', (_what, text, expected) => {
    if (expected === null) return expect(problems(text)).toEqual([]);
    expect(problems(text).join('\n')).toMatch(expected);
  });

  it('name a secret that is missing, when the program starts', () => {
    const file = join(folder, 'site.yaml');
    writeFileSync(file, `${SITE}relay: { url: "https://r", token: "\${credential:no-such}" }\n`);
    const loaded = loadSite(file);
    expect(loaded.problems.map(formatProblem).join()).toMatch(/relay.token: got no credential no-such/);
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
