import { describe, expect, it } from 'vitest';
import type { OpenEpisode } from '../../core/policy/local.js';
import { LANGUAGES } from '../../core/text/catalog.js';
import { messageText } from '../../core/text/message.js';
import { toSeptets } from './sms/gsm7.js';

const episode = (type: OpenEpisode['alert']['alert_type'], value = 9.1): OpenEpisode => ({
  episodeId: 'e',
  code: '4711',
  raisedMs: 0,
  ackedMs: null,
  told: ['nurse'],
  step: 0,
  nextMs: null,
  alert: {
    alert_id: 'a',
    episode_id: 'e',
    alert_type: type,
    timestamp: '2026-11-21T03:00:00.000Z',
    kpi: { name: 'temperature', value, threshold: value > 5 ? 8 : 2, unit: 'Cel' },
    severity: 'critical',
    state: 'raised',
    rule: 'warm',
    since: '2026-11-21T02:47:00.000Z',
    sensor: 'fridge-1',
    summary: '',
  },
});

const context = (language: (typeof LANGUAGES)[number]) => ({
  language,
  timezone: 'Africa/Nairobi',
  clinicName: 'Kisumu West',
  sensorName: () => 'Fridge 1',
});

describe('texts', () => {
  it('say what, where, how bad, since when, what to do and how to acknowledge', () => {
    expect(messageText(context('en'), 'alarm', [episode('excursion')])).toBe(
      'COLDWATCH Kisumu West: Fridge 1 9.1 C, above 8 C since 05:47. Check door and power, move vaccine if it stays. Reply ACK 4711',
    );
    expect(messageText(context('en'), 'alarm', [episode('excursion', 1.2)])).toContain('1.2 C, below 2 C');
  });

  it('say of a warning that nothing is beyond a limit yet, and of a measure what was used of how much', () => {
    expect(messageText(context('en'), 'alarm', [episode('pre_alarm', 6.5)])).toContain(
      'Fridge 1 6.5 C, not as usual since 05:47.',
    );
    const used = episode('excursion');
    used.alert.kpi = { name: 'vvm_used', value: 51.23, threshold: 50, unit: '%' };
    expect(messageText(context('en'), 'alarm', [used])).toContain(
      'vial monitors used 51.2 %, mark 50 %, since 05:47.',
    );
  });

  it.each(LANGUAGES)('of measures fit one part too, in %s', (language) => {
    for (const name of ['mkt', 'vvm_used', 'budget_used', 'forest_score']) {
      const one = episode('excursion');
      one.alert.kpi = { name, value: 99.9, threshold: 99.9, unit: name === 'mkt' ? 'Cel' : '%' };
      const septets = toSeptets(messageText(context(language), 'alarm', [one]));
      expect(septets, `${language} ${name}`).toBeDefined();
      expect(septets!.flat().length).toBeLessThanOrEqual(160);
    }
  });

  it.each(LANGUAGES)('fit the alphabet of SMS and one part, in %s', (language) => {
    for (const type of [
      'excursion',
      'mains_lost',
      'sensor_fault',
      'communication_lost',
      'door_open',
    ] as const) {
      for (const about of ['alarm', 'reminder', 'cleared'] as const) {
        const septets = toSeptets(messageText(context(language), about, [episode(type)]));
        expect(septets, `${language} ${type} ${about}`).toBeDefined();
        expect(septets!.flat().length).toBeLessThanOrEqual(160);
      }
    }
  });
});
