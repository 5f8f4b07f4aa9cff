import { describe, expect, it } from 'vitest';
import { asTimeline } from '../clock/clock.js';
import type { AlertBody } from '../contract/messages.js';
import { POLICY_START, type PolicyEffect, type PolicyState, policySchema, stepPolicy } from './local.js';

const config = policySchema.parse({
  group_wait: '10s',
  steps: [{ to: ['nurse'] }, { to: ['manager'], after: '15m' }],
  repeat: '30m',
  repeats: 5,
  ack_timeout: '60m',
});

const alert = (
  id: string,
  state: AlertBody['state'] = 'raised',
  more: Partial<AlertBody> = {},
): AlertBody => ({
  alert_id: `${id}-${state}`,
  episode_id: id,
  alert_type: 'excursion',
  timestamp: '2026-01-01T00:00:00.000Z',
  kpi: { name: 'temperature', value: 9, threshold: 8, unit: 'Cel' },
  severity: 'critical',
  state,
  rule: 'warm',
  since: '2026-01-01T00:00:00.000Z',
  sensor: id,
  summary: '',
  ...more,
});

/** A timeline: what happens at which second. Gives what was done, a line each. */
class Timeline {
  state: PolicyState = POLICY_START;
  readonly log: string[] = [];
  #at = 0;

  until(second: number): this {
    for (; this.#at < second; this.#at++) this.#do({ kind: 'tick', atMs: asTimeline(this.#at * 1000) });
    return this;
  }

  alert(body: AlertBody): this {
    return this.#do({ kind: 'alert', atMs: asTimeline(this.#at * 1000), alert: body });
  }

  ack(code: string | null, person: string | undefined = 'nurse'): this {
    const who = person === undefined ? {} : { person };
    return this.#do({ kind: 'ack', atMs: asTimeline(this.#at * 1000), code, by: 'Amina', ...who });
  }

  button(): this {
    return this.#do({ kind: 'ack', atMs: asTimeline(this.#at * 1000), code: null, by: 'button' });
  }

  code(id: string): string {
    return this.state.episodes.find((e) => e.episodeId === id)!.code;
  }

  #do(input: Parameters<typeof stepPolicy>[2]): this {
    // Stored and read again at each step: nothing may live outside the state.
    const { state, effects } = stepPolicy(config, JSON.parse(JSON.stringify(this.state)), input);
    this.state = state;
    for (const effect of effects) this.log.push(`${this.#at} ${show(effect)}`);
    return this;
  }
}

function show(effect: PolicyEffect): string {
  if (effect.kind === 'buzzer') return `buzzer ${effect.pattern}`;
  if (effect.kind === 'acknowledged' || effect.kind === 'escalated')
    return `${effect.kind} ${effect.episode.episodeId}`;
  const by = effect.by === undefined ? '' : ` by ${effect.by}`;
  return `${effect.about} to ${effect.to.join(',')}${by}: ${effect.episodes.map((e) => e.episodeId).join(',')}`;
}

describe('who is told, and when', () => {
  it('sounds at once, texts after the group wait, escalates, reminds', () => {
    const t = new Timeline().until(5).alert(alert('f1')).until(4600);
    expect(t.log).toEqual([
      '5 buzzer critical',
      '15 alarm to nurse: f1',
      '905 escalated f1',
      '905 alarm to manager: f1',
      '2705 reminder to manager: f1',
      '4505 reminder to manager: f1',
    ]);
  });

  it('puts what comes together into one message, the worst first, under one code', () => {
    const t = new Timeline().alert(alert('mains', 'raised', { alert_type: 'mains_lost' })).until(4);
    t.alert(alert('f1')).alert(alert('f2')).until(60);
    expect(t.log).toEqual(['0 buzzer critical', '10 alarm to nurse: f1,f2,mains']);
    expect(new Set(['mains', 'f1', 'f2'].map((id) => t.code(id))).size).toBe(1);
    t.ack(t.code('f1'));
    expect(t.state.episodes.every((e) => e.ackedMs !== null)).toBe(true);
  });

  it('stops at an acknowledgement, and comes back when the condition outlives it', () => {
    const t = new Timeline().alert(alert('f1')).until(60);
    t.ack(t.code('f1')).until(3700);
    expect(t.log.slice(2)).toEqual([
      '60 buzzer off',
      '60 acknowledged f1',
      '3660 buzzer critical',
      '3660 alarm to nurse: f1',
    ]);
  });

  it('ignores a wrong code', () => {
    const t = new Timeline().alert(alert('f1')).until(20);
    t.ack('0000');
    expect(t.state.episodes[0]!.ackedMs).toBeNull();
  });

  it('tells those who were told that it is over, once; nobody else', () => {
    const t = new Timeline().alert(alert('f1')).until(60).alert(alert('f1', 'cleared')).until(5000);
    expect(t.log.slice(2)).toEqual(['60 buzzer off', '60 cleared to nurse: f1']);
    const brief = new Timeline().alert(alert('f1')).until(5).alert(alert('f1', 'cleared')).until(60);
    expect(brief.log).toEqual(['0 buzzer critical', '5 buzzer off']);
  });

  it('tells a warning to the first step once, chirps, and wakes nobody further', () => {
    const t = new Timeline().alert(alert('door', 'raised', { severity: 'warning' })).until(4000);
    expect(t.log).toEqual(['0 buzzer warning', '10 alarm to nurse: door']);
    t.until(86_500);
    expect(t.log.slice(2)).toEqual(['86410 reminder to nurse: door']);
    const info = new Timeline().alert(alert('due', 'raised', { severity: 'info' })).until(4000);
    expect(info.log).toEqual([]);
  });

  it('does not bring an acknowledged warning back within the hour', () => {
    const t = new Timeline().alert(alert('door', 'raised', { severity: 'warning' })).until(60);
    t.ack(t.code('door')).until(80_000);
    expect(t.log.slice(2)).toEqual(['60 buzzer off', '60 acknowledged door']);
  });

  it('texts nobody where the site says so: of a severity, of a type, or without steps', () => {
    const mains = alert('m', 'raised', { severity: 'warning', alert_type: 'mains_lost' });
    const texts = (more: object) => {
      let state = POLICY_START;
      const own = policySchema.parse({ steps: [{ to: ['nurse'] }], ...more });
      state = stepPolicy(own, state, { kind: 'alert', atMs: asTimeline(0), alert: mains }).state;
      return stepPolicy(own, state, { kind: 'tick', atMs: asTimeline(60_000) }).effects.filter(
        ({ kind }) => kind === 'message',
      ).length;
    };
    expect(texts({})).toBe(1);
    expect(texts({ text: ['critical'] })).toBe(0);
    expect(texts({ not_texted: ['mains_lost'] })).toBe(0);
    expect(texts({ steps: [] })).toBe(0);
  });

  it('tells those who were told who has it, and not the one who does', () => {
    const t = new Timeline().alert(alert('f1')).until(1000);
    t.ack(t.code('f1'), 'manager');
    expect(t.log.slice(-2)).toEqual(['1000 acknowledged f1', '1000 acknowledged to nurse by Amina: f1']);
    const alone = new Timeline().alert(alert('f1')).until(60);
    alone.ack(alone.code('f1'), 'nurse');
    expect(alone.log.at(-1)).toBe('60 acknowledged f1');
    const pressed = new Timeline().alert(alert('f1')).until(60).button();
    expect(pressed.log.at(-1)).toBe('60 acknowledged to nurse: f1');
    expect(pressed.state.episodes[0]!.ackedBy).toBeNull();
  });

  it('limits reminders, never a first message', () => {
    const often = { ...config, repeat: 600_000 };
    let state = POLICY_START;
    let reminders = 0;
    state = stepPolicy(often, state, { kind: 'alert', atMs: asTimeline(0), alert: alert('f1') }).state;
    for (let s = 0; s < 4500; s += 1) {
      const step = stepPolicy(often, state, { kind: 'tick', atMs: asTimeline(s * 1000) });
      state = step.state;
      reminders += step.effects.filter((e) => e.kind === 'message' && e.about === 'reminder').length;
    }
    expect(reminders).toBe(3);
  });

  it('gives open episodes different codes', () => {
    const t = new Timeline();
    for (let i = 0; i < 50; i++) t.alert(alert(`f${i}`)).until((i + 1) * 20);
    const codes = t.state.episodes.map((e) => e.code);
    expect(new Set(codes).size).toBe(50);
    expect(codes.every((code) => /^\d{4}$/.test(code))).toBe(true);
  });
});
