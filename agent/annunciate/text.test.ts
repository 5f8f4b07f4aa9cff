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
