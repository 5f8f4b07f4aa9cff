import { describe, expect, it } from 'vitest';
import type { AlertBody } from '../contract/messages.js';
import { MINUTE } from '../durations.js';
import type { OpenEpisode } from '../policy/local.js';
import { type Facts, LANGUAGES, type Language } from './catalog.js';
import { partsOf } from './gsm7.js';
import { KINDS, type Kind, kindOf } from './kinds.js';
import { type MessageContext, messageText } from './message.js';
import { catalogOf } from './sentence.js';
import { statusText } from './status.js';

type Sample = Partial<Omit<AlertBody, 'kpi'>> & { at?: [value: number, limit: number]; facts?: Facts };

/** What each kind may look like: the alert that raises it. */
const SAMPLES: Record<Kind, Sample> = {
  too_warm: { at: [9.1, 8], side: 'above' },
  too_cold: { at: [1.4, 2], side: 'below' },
  freezing: { at: [-0.8, -0.5], side: 'below' },
  freezer_warm: { at: [-11.2, -15], side: 'above' },
  freezer_cold: { at: [-51.3, -50], side: 'below' },
  room_warm: { at: [31.2, 30], side: 'above' },
  room_cold: { at: [14.1, 15], side: 'below' },
  out_of_limits: {
    kpi: { name: 'humidity', value: 81.5, threshold: 75, unit: '%RH' },
    side: 'above',
  } as Sample,
  heading_warm: {
    alert_type: 'pre_alarm',
    at: [6.9, 8],
    side: 'above',
    cause: 'heading',
    facts: { going: 34, earliest: 47, latest: 75 },
  },
  heading_cold: {
    alert_type: 'pre_alarm',
    at: [2.9, 2],
    side: 'below',
    cause: 'heading',
    facts: { going: 40, earliest: 30, latest: null },
  },
  above_usual: { alert_type: 'pre_alarm', at: [6.9, 6.1], side: 'above', cause: 'level' },
  below_usual: { alert_type: 'pre_alarm', at: [2.2, 3.1], side: 'below', cause: 'level' },
  compressor: { alert_type: 'pre_alarm', at: [5, 5], cause: 'drift', facts: { share: 25 } },
  moving: {
    alert_type: 'pre_alarm',
    kpi: { name: 'rate', value: 2.2, threshold: 2, unit: 'Cel' },
    facts: { seconds: 180, shape: 'rate', now: 7100 },
  } as Sample,
  unusual: {
    alert_type: 'pre_alarm',
    kpi: { name: 'forest_score', value: 0.61, threshold: 0.58, unit: '1' },
    facts: { how: 'forest', now: 7100 },
  } as Sample,
  mkt: { kpi: { name: 'mkt', value: 8.3, threshold: 8, unit: 'Cel' }, facts: { hours: 24 } } as Sample,
  vials: {
    kpi: { name: 'vvm_used', value: 50.2, threshold: 50, unit: '%' },
    facts: { monitor: 14 },
  } as Sample,
  budget: {
    kpi: { name: 'budget_used', value: 72, threshold: 72, unit: 'h' },
    facts: { product: 'Product X', source: 'stability report 3' },
  } as Sample,
  probe_faulty: { alert_type: 'sensor_fault', cause: 'not_believed', facts: { reason: 'out_of_range' } },
  probe_frozen: { alert_type: 'sensor_fault', cause: 'frozen', at: [4.4, 4.4], facts: { same: 45 } },
  probe_jumps: { alert_type: 'sensor_fault', cause: 'erratic', at: [4.4, 4.4], facts: { jitter: 2600 } },
  probe_swapped: {
    alert_type: 'sensor_fault',
    cause: 'identity',
    facts: { device: '28-0b', expected: '28-0a', formerly: 'Fridge 2' },
  },
  silent: { alert_type: 'communication_lost', cause: 'silent' },
  not_started: {
    alert_type: 'communication_lost',
    cause: 'start',
    sensor: 'gateway-1',
    facts: { part: 'MQTT', why: 'EADDRINUSE' },
  },
  mains_out: { alert_type: 'mains_lost', cause: 'contact', sensor: 'mains' },
  door_open: { alert_type: 'door_open', cause: 'contact', sensor: 'door-1' },
  low_battery: {
    alert_type: 'low_battery',
    kpi: { name: 'battery_level', value: 8, threshold: 10, unit: '%' },
    side: 'below',
  } as Sample,
  clock: { alert_type: 'clock', sensor: 'gateway-1' },
  calibration: { alert_type: 'calibration', facts: { days: 30, due: '2026-12-21' } },
  storage: { alert_type: 'storage', sensor: 'gateway-1', facts: { detail: 'ENOSPC' } },
  refused: { alert_type: 'sensor_fault', cause: 'refused', facts: { why: 'out of bounds' } },
  gateway_silent: { alert_type: 'gateway_silent', sensor: 'gateway-1' },
  other: { alert_type: 'kpi' },
};

const NOW = Date.UTC(2026, 10, 21, 3, 12);
const NAMES: Record<Language, Record<string, string>> = {
  en: { 'fridge-1': 'Fridge 1', mains: 'Mains', 'door-1': 'Door of fridge 1', 'gateway-1': 'Gateway' },
  fr: { 'fridge-1': 'Frigo 1', mains: 'Secteur', 'door-1': 'Porte du frigo 1', 'gateway-1': 'Passerelle' },
  sw: { 'fridge-1': 'Friji 1', mains: 'Umeme mkuu', 'door-1': 'Mlango wa friji 1', 'gateway-1': 'Kifaa' },
};

const context = (language: Language): MessageContext => ({
  language,
  timezone: 'Africa/Nairobi',
  clinicName: 'Kisumu West',
  sensorName: (id) => NAMES[language][id] ?? id,
  nowMs: () => NOW,
  timelineMs: () => NOW,
  current: () => undefined,
  worst: () => undefined,
});

function episode(kind: Kind, state: 'raised' | 'cleared', minutes = 25): OpenEpisode {
  const { at, facts = {}, ...more } = SAMPLES[kind];
  const since = NOW - minutes * MINUTE;
  const kpi = at ?? [null, null];
  const alert: AlertBody = {
    ...{ alert_id: kind, episode_id: kind, alert_type: 'excursion', severity: 'critical', state: 'raised' },
    ...{ timestamp: new Date(NOW).toISOString(), since: new Date(since).toISOString() },
    ...{ lasted_s: minutes * 60, rule: 'r', sensor: 'fridge-1', summary: '' },
    kpi: { name: 'temperature', value: kpi[0], threshold: kpi[1], unit: 'Cel' },
    ...(at ? { episode: { worst: at[0], seconds_outside: 1, degree_minutes: 1, mkt: 1 } } : {}),
    ...more,
  };
  const back = (alert.kpi.threshold ?? 0) + (alert.side === 'below' ? 1.2 : -1.2);
  if (state === 'cleared') {
    Object.assign(alert, { state, kpi: { ...alert.kpi, value: Math.round(back * 10) / 10 } });
  }
  return {
    ...{ episodeId: kind, code: '4711', alert, facts, sinceMs: since, raisedMs: since },
    ...{ ackedMs: null, told: ['nurse'], step: 0, nextMs: null },
  };
}

const text = (language: Language, kind: Kind, about: 'alarm' | 'reminder' | 'cleared') =>
  messageText(context(language), {
    about,
    episodes: [episode(kind, about === 'cleared' ? 'cleared' : 'raised', about === 'reminder' ? 130 : 25)],
  });

const LANGUAGE_NAMES: Record<Language, string> = { en: 'English', fr: 'French', sw: 'Swahili' };

function reference(): string {
  const rows = (kind: Kind) =>
    LANGUAGES.flatMap((language) => [
      `| ${LANGUAGE_NAMES[language]} | ${text(language, kind, 'alarm')} |`,
      `| | ${text(language, kind, 'cleared')} |`,
    ]);
  const kinds = KINDS.map((kind) =>
    [`### ${catalogOf('en').kinds[kind].title}`, '', '| | |', '|---|---|', ...rows(kind)].join('\n'),
  );
  return `${[INTRODUCTION, ...kinds, answers()].join('\n\n')}\n`;
}

const INTRODUCTION = `# What coldwatch says to people

Made from \`core/text\` by its own test (\`npx vitest run --project unit -u core/text\` writes it anew). In each pair the
first text comes when it begins, the second when it is over. Degrees are written "C": the alphabet of SMS has no "°".

Values, times and names are those of an example. A reminder begins with "STILL ON:", "TOUJOURS:", "BADO:". The time has its
date when it is not today's, and the hour of the zone when the clocks of that night show it twice. What does not fit
into one part loses first the time of day, then the worst value.`;

const alarmed = () => [
  { ...episode('too_warm', 'raised', 43), ackedMs: NOW, ackedBy: 'Amina' },
  episode('mains_out', 'raised', 130),
];

const fleet = [
  { id: 'fridge-1', name: 'Fridge 1', heard: true, celsius: 9.1 },
  { id: 'fridge-2', name: 'Fridge 2', heard: true, celsius: 4.6 },
  { id: 'freezer', name: 'Freezer', heard: true, celsius: -18.5 },
  { id: 'store', name: 'Store', heard: false, celsius: null },
];

function answers(): string {
  const lines = LANGUAGES.flatMap((language) => {
    const own = context(language);
    const seen = { about: 'acknowledged' as const, episodes: [episode('too_warm', 'raised')] };
    return [
      `| ${LANGUAGE_NAMES[language]} | STATUS | ${statusText(own, alarmed(), fleet)} |`,
      `| | STATUS, all well | ${statusText(own, [], fleet.slice(1, 3))} |`,
      `| | to the others, when Amina has acknowledged | ${messageText(own, { ...seen, by: 'Amina', comment: 'on my way' })} |`,
    ];
  });
  return ['## Answers', '', '| | | |', '|---|---|---|', ...lines].join('\n');
}

describe('what people are told', () => {
  it('stands in docs/reference/texts.md as it is', async () => {
    await expect(reference()).toMatchFileSnapshot('../../docs/reference/texts.md');
  });

  it.each(KINDS)('of %s, in each language, fits the alphabet of SMS and one part, and is whole', (kind) => {
    expect(kindOf(episode(kind, 'raised').alert)).toBe(kind);
    for (const language of LANGUAGES) {
      for (const about of ['alarm', 'reminder', 'cleared'] as const) {
        const said = text(language, kind, about);
        expect(partsOf(said), said).toBe(1);
        expect(said).not.toMatch(/undefined|null|NaN|\?/);
        expect(said).not.toMatch(/[^\n\r -~£¥èéùìòÇØøÅåÆæßÉÄÖÑÜäöñüà§¿¡¤€]/);
      }
    }
  });

  it('has advice of its own for each kind, and the probe’s cable in that of probes alone', () => {
    for (const language of LANGUAGES) {
      const { kinds } = catalogOf(language);
      const cable = KINDS.filter((kind) => /cable|\bfil\b|waya/.test(kinds[kind].advice));
      expect(
        cable.every((kind) => kind.startsWith('probe_')),
        cable.join(),
      ).toBe(true);
      expect(new Set(KINDS.map((kind) => kinds[kind].advice)).size).toBeGreaterThanOrEqual(KINDS.length - 4);
    }
  });
});
