import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkFile } from './check.js';
import { type Former, leftBehind } from './left-behind.js';
import { deviceConfigs } from './library.js';
import type { ResolvedSite } from './resolve.js';
import { seldomNotes, toldLines, toldOf, toldToNobody } from './told.js';

const folder = mkdtempSync(join(tmpdir(), 'told-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const EXAMPLE = readFileSync(join(deviceConfigs(), 'sites/example-clinic.yaml'), 'utf8');

function site(text: string): ResolvedSite {
  const file = join(folder, 'site.yaml');
  writeFileSync(file, text);
  const checked = checkFile(file);
  if (!checked.site) throw new Error(JSON.stringify(checked.problems));
  return checked.site;
}
const table = (text: string) => toldLines(toldOf(site(text))).map((line) => line.trim().replace(/ +/g, ' '));

describe('who is told of what', () => {
  it('is every type of alert that a site can raise, and of the example nothing reaches nobody', () => {
    expect(table(EXAMPLE)).toEqual([
      'excursion critical buzzer sounds texts Amina at once, Joseph after 15 min, again each 30 min',
      'storage critical buzzer sounds texts Amina at once, Joseph after 15 min, again each 30 min',
      'pre_alarm warning buzzer chirps texts Amina at once, again each 24 h',
      'sensor_fault warning buzzer chirps texts Amina at once, again each 24 h',
      'communication_lost warning buzzer chirps texts Amina at once, again each 24 h',
      'mains_lost warning buzzer chirps texts Amina at once, again each 24 h',
      'door_open warning buzzer chirps texts Amina at once, again each 24 h',
    ]);
    expect(toldToNobody(toldOf(site(EXAMPLE)))).toEqual([]);
  });

  it('follows what the site file says: severities, types, steps, no buzzer', () => {
    const set = (more: string) => EXAMPLE.replace(/\nalarm:/, `\nalarm:\n  ${more}`);
    expect(table(set('text: [critical]')).find((line) => line.startsWith('mains_lost'))).toBe(
      'mains_lost warning buzzer chirps nobody is texted',
    );
    expect(table(set('not_texted: [door_open]')).at(-1)).toContain('nobody is texted');
    expect(table(set('escalate: [warning, critical]')).at(-1)).toContain('Joseph after 15 min');
    const silent = site(set('buzzer: []\n  text: []'));
    expect(toldToNobody(toldOf(silent))).toContain('excursion');
    const alone = EXAMPLE.replace(/\n {2}buzzer: .*/, '').replace(/\nalarm:[\s\S]*?\nmqtt:/, '\nmqtt:');
    expect(toldToNobody(toldOf(site(alone)))).toContain('communication_lost');
  });
});

it('a sensor that reports too seldom for its rules is named with them', () => {
  const seldom = EXAMPLE.replace(
    'model: aqara/wsdcgq11lm',
    'model: aqara/wsdcgq11lm\n    preset: refrigerator-2-8\n    median_of_three: true',
  );
  expect(seldomNotes(site(EXAMPLE))).toEqual([]);
  const notes = seldomNotes(site(seldom));
  expect(notes[0]).toMatch(/^Store room reports each 60 min, too seldom for heading-warm, .*: they sleep$/);
  expect(notes[1]).toContain('one report later');
});

it('a new site file leaves behind sensors, their alerts, and what is stored in another folder', () => {
  const former: Former = {
    folder: '/var/lib/coldwatch',
    unsent: 1234,
    watched: ['fridge-1', 'fridge-2', 'store-room', 'mains', 'door-1'],
    open: [{ sensor: 'fridge-2', alert_type: 'excursion' }],
  };
  expect(leftBehind(former, site(EXAMPLE))).toEqual([]);
  const changed = EXAMPLE.replace('id: fridge-2', 'id: freezer').replace(
    '/var/lib/coldwatch',
    '/data/coldwatch',
  );
  expect(leftBehind(former, site(changed))).toEqual([
    'fridge-2 is not watched any more; what is open of it is closed (excursion)',
    expect.stringMatching(
      /^1234 rows that the relay does not hold and what was learned stay in \/var\/lib\/coldwatch: /,
    ),
  ]);
});
