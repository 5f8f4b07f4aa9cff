import { describe, expect, it } from 'vitest';
import type { AlertBody } from '../../core/contract/messages.js';
import { MINUTE } from '../../core/durations.js';
import type { OpenEpisode } from '../../core/policy/local.js';
import type { Language } from '../../core/text/catalog.js';
import { partsOf, plain } from '../../core/text/gsm7.js';
import { type MessageContext, messageText } from '../../core/text/message.js';
import { type SensorNow, statusText } from '../../core/text/status.js';
import { toSeptets } from './sms/gsm7.js';

const NOW = Date.UTC(2026, 10, 21, 3, 12);

function context(more: Partial<MessageContext> = {}): MessageContext {
  return {
    language: 'en',
    timezone: 'Africa/Nairobi',
    clinicName: 'Kisumu West',
    sensorName: () => 'Fridge 1',
    nowMs: () => NOW,
    timelineMs: () => NOW,
    current: () => undefined,
    worst: () => undefined,
    ...more,
  };
}

function episode(minutes: number, more: Partial<AlertBody> = {}, at = NOW): OpenEpisode {
  const since = at - minutes * MINUTE;
  return {
    episodeId: 'e',
    code: '4711',
    sinceMs: since,
    raisedMs: since,
    ackedMs: null,
    told: ['nurse'],
    step: 0,
    nextMs: null,
    alert: {
      alert_id: 'a',
      episode_id: 'e',
      alert_type: 'excursion',
      timestamp: new Date(at).toISOString(),
      kpi: { name: 'temperature', value: 9.1, threshold: 8, unit: 'Cel' },
      severity: 'critical',
      state: 'raised',
      rule: 'warm',
      since: new Date(since).toISOString(),
      lasted_s: minutes * 60,
      side: 'above',
      cause: 'excursion',
      sensor: 'fridge-1',
      summary: '',
      ...more,
    },
  };
}

const kpi = (value: number, threshold = 8) => ({ name: 'temperature', value, threshold, unit: 'Cel' });
const exposure = (worst: number) => ({ worst, seconds_outside: 60, degree_minutes: 1, mkt: worst });
const alarm = (more: Partial<MessageContext>, ...episodes: OpenEpisode[]) =>
  messageText(context(more), { about: 'alarm', episodes });

describe('texts', () => {
  it('say what, where, how bad, since when and how long, what to do and how to acknowledge', () => {
    expect(alarm({}, episode(25))).toBe(
      'COLDWATCH Kisumu West: Fridge 1 9.1 C, above 8 C since 05:47 (25 min). Check door and power; move vaccine if it stays warm. Reply ACK 4711',
    );
  });

  it('say at the end the side that the rule is about, the worst, how long, what is now, and what becomes of the goods', () => {
    const over = episode(43, { state: 'cleared', kpi: kpi(4.4), episode: exposure(12.4) });
    expect(messageText(context(), { about: 'cleared', episodes: [over] })).toBe(
      'COLDWATCH Kisumu West: OVER at 06:12: Fridge 1 was above 8 C for 43 min, worst 12.4 C, now 4.4 C. Mark its vaccine DO NOT USE, ask your supervisor.',
    );
    const cold = {
      state: 'cleared' as const,
      side: 'below' as const,
      kpi: kpi(3.4, 2),
      episode: exposure(0.9),
    };
    expect(messageText(context(), { about: 'cleared', episodes: [episode(20, cold)] })).toContain(
      'was below 2 C for 20 min, worst 0.9 C, now 3.4 C.',
    );
  });

  it('say of a limit that is only just passed by how much', () => {
    expect(alarm({}, episode(25, { kpi: kpi(8.04) }))).toContain('8.04 C, above 8 C');
  });

  it('remind with what is now and the worst so far, by a clock that nobody sets', () => {
    const set = { nowMs: () => NOW + 5 * 3_600_000, current: () => 10.2, worst: () => 11.7 };
    expect(messageText(context(set), { about: 'reminder', episodes: [episode(70)] })).toContain(
      'STILL ON: Fridge 1 10.2 C, above 8 C for 70 min, worst 11.7 C.',
    );
  });

  it('name the day when it is not today', () => {
    expect(alarm({}, episode(600))).toContain('since 20 Nov 20:12 (10 h).');
    expect(alarm({ language: 'fr' }, episode(600))).toContain('depuis 20/11 20:12 (10 h).');
  });

  it('name the zone’s hour when the clocks of that night show a time twice', () => {
    // In Paris 02:59 comes twice on 25 October 2026; the second is 01:59 UTC.
    const end = Date.UTC(2026, 9, 25, 1, 30);
    const french = {
      language: 'fr' as const,
      timezone: 'Europe/Paris',
      nowMs: () => end,
      timelineMs: () => end,
    };
    expect(alarm(french, episode(31, {}, end))).toContain('depuis 02:59 UTC+2 (31 min)');
    expect(alarm(french, episode(15, {}, end))).toContain('depuis 02:15 UTC+1 (15 min)');
    expect(alarm(french, episode(100, {}, end))).toContain('depuis 01:50 (100 min)');
    const over = episode(31, { state: 'cleared', kpi: kpi(4.4), episode: exposure(9) }, end);
    const text = messageText(context(french), { about: 'cleared', episodes: [over] });
    expect(text).toContain('FINI à 02:30 UTC+1: Fridge 1: plus de 8 C pendant 31 min');
  });

  it('tell who sees to it, and what they said', () => {
    const message = {
      about: 'acknowledged' as const,
      episodes: [episode(30)],
      by: 'Amina',
      comment: 'on my way',
    };
    expect(messageText(context(), message)).toBe(
      'COLDWATCH Kisumu West: Amina sees to it: Fridge 1 9.1 C, above 8 C for 30 min. "on my way"',
    );
  });

  it('stay in the alphabet of SMS whatever clinic and sensor are called, where that is possible', () => {
    const names = { clinicName: 'Hôpital de Forêt', sensorName: () => 'Réfrigérateur “Ça va” n° 1' };
    expect(toSeptets(alarm({ language: 'fr', ...names }, episode(25)))).toBeDefined();
    expect(plain('œuf – naïve’s 4 °C\n€')).toBe("oeuf - naive's 4 C €");
    expect(partsOf(alarm({ sensorName: () => 'ثلاجة' }, episode(25)))).toBeGreaterThan(1);
    for (const text of ['a'.repeat(160), '[]'.repeat(41), 'é'.repeat(161), 'x{'.repeat(153)]) {
      const septets = toSeptets(text)!.flat().length;
      expect(partsOf(text)).toBe(septets <= 160 ? 1 : Math.ceil(septets / 153));
    }
  });
});

describe('STATUS', () => {
  const sensor = (i: number, more: Partial<SensorNow> = {}): SensorNow => ({
    id: `f${i}`,
    name: `Fridge ${i}`,
    heard: true,
    celsius: 4 + i / 10,
    ...more,
  });
  const named = { sensorName: (id: string) => (id === 'mains' ? 'Mains' : `Fridge ${id.slice(1)}`) };
  const ask = (episodes: OpenEpisode[], sensors: SensorNow[], language: Language = 'en') =>
    statusText(context({ ...named, language }), episodes, sensors);

  it('tells alarms first and who has them, then what was never heard, then the temperatures', () => {
    const warm = episode(43, { sensor: 'f1' });
    const mains = episode(120, {
      sensor: 'mains',
      alert_type: 'mains_lost',
      severity: 'warning',
      cause: 'contact',
    });
    const open = [
      { ...mains, code: '1234' },
      { ...warm, ackedMs: NOW, ackedBy: 'Amina' },
    ];
    const sensors = [
      sensor(1, { celsius: 9.1 }),
      sensor(2),
      sensor(3, { heard: false, celsius: null }),
      sensor(4),
    ];
    expect(ask(open, sensors)).toBe(
      'COLDWATCH Kisumu West: 06:12 2 ALARMS: 4711 Fridge 1 9.1 C, above 8 C for 43 min, Amina has it; 1234 Mains power is out for 2 h. Nothing heard yet: Fridge 3. Fridge 2 4.2, Fridge 4 4.4 C.',
    );
  });

  it('says that there is no alarm, and takes no contact and no silent sensor for a fridge that is well', () => {
    expect(ask([], [sensor(1), sensor(2)])).toBe(
      'COLDWATCH Kisumu West: 06:12 No alarm. Fridge 1 4.1, Fridge 2 4.2 C.',
    );
    expect(ask([], [])).toBe('COLDWATCH Kisumu West: 06:12 No alarm.');
    const lost = episode(200, { sensor: 'f2', alert_type: 'communication_lost', cause: 'silent' });
    expect(ask([lost], [sensor(1), sensor(2)])).not.toContain('4.2');
  });

  it.each(['en', 'fr', 'sw'] as const)(
    'takes two parts at the most, and counts what does not fit, in %s',
    (language) => {
      for (const sensors of [1, 12, 500]) {
        for (const alarms of [0, 1, 9, 300]) {
          const open = Array.from({ length: alarms }, (_, i) => episode(40, { sensor: `f${i}` }));
          const text = ask(
            open,
            Array.from({ length: sensors }, (_, i) => sensor(i)),
            language,
          );
          expect(partsOf(text)).toBeLessThanOrEqual(2);
          const shown = (text.match(/4711/g) ?? []).length;
          expect(shown).toBeGreaterThanOrEqual(Math.min(alarms, 3));
          if (shown < alarms) expect(text).toContain(`+${alarms - shown} `);
        }
      }
    },
  );
});
