import { expect, it } from 'vitest';
import type { AlertMessage } from '../../core/contract/messages.js';
import type { Finding } from '../../core/contract/streams.js';
import { ALERTING_KINDS, type CentralAlert, Episodes } from './episodes.js';

const MINUTE = 60_000;
const AT = Date.UTC(2026, 10, 21, 6);
const found = (
  kind: Finding['kind'],
  minute: number,
  subject = 'gw-1',
  more: Partial<Finding> = {},
): Finding => ({
  kind,
  clinic: 'north',
  subject,
  at: AT + minute * MINUTE,
  value: 3,
  threshold: 15,
  ...more,
});
const take = (episodes: Episodes, finding: Finding, now = finding.at) => episodes.take(finding, finding, now);
const told = (alerts: CentralAlert[]) =>
  alerts.map(({ rule, state, sensor }) => `${rule} ${state} ${sensor}`);
const stored = (alert: CentralAlert): AlertMessage => ({
  ...alert,
  gateway: 'relay',
  epoch: '00000000000000aa',
  seq: 1,
});

it('a silent gateway is told once, and once when it is back', () => {
  const episodes = new Episodes(ALERTING_KINDS);
  const raised = take(episodes, found('gateway_silent', 0));
  expect(told(raised)).toEqual(['stream:gateway_silent raised gw-1']);
  expect(take(episodes, found('gateway_silent', 0))).toEqual([]);
  expect(episodes.tick(AT + 9e8)).toEqual([]);
  const back = take(episodes, found('gateway_back', 30));
  expect(told(back)).toEqual(['stream:gateway_silent cleared gw-1']);
  expect(back[0]!.episode_id).toBe(raised[0]!.episode_id);
  expect(told(take(episodes, found('gateway_silent', 60)))).toEqual(['stream:gateway_silent raised gw-1']);
});

it('after a restart nothing is told again, and what stood can still end', () => {
  const before = new Episodes(ALERTING_KINDS);
  const first = take(before, found('gateway_silent', 0));
  const over = take(before, found('gateway_back', 30));
  const second = take(before, found('gateway_silent', 60));
  const after = new Episodes(ALERTING_KINDS);
  for (const alert of [...first, ...over, ...second]) after.restore(stored(alert), AT);
  const again = [found('gateway_silent', 0), found('gateway_back', 30), found('gateway_silent', 60)].flatMap(
    (finding) => take(after, finding),
  );
  expect(again).toEqual([]);
  expect(told(take(after, found('gateway_back', 90)))).toEqual(['stream:gateway_silent cleared gw-1']);
});

it('several units out are one episode over many windows, which ends by itself or is taken back', () => {
  const episodes = new Episodes(ALERTING_KINDS);
  const window = (minute: number) => found('several_out', minute, 'north', { value: 4, threshold: 2 });
  expect(take(episodes, window(0))[0]).toMatchObject({
    severity: 'critical',
    alert_type: 'excursion',
    summary: '4 units of north are outside 2 to 8 C at once: look at its power.',
  });
  expect(take(episodes, window(5))).toEqual([]);
  expect(episodes.tick(AT + 14 * MINUTE)).toEqual([]);
  expect(told(episodes.tick(AT + 15 * MINUTE))).toEqual(['stream:several_out cleared north']);
  const later = window(60);
  expect(take(episodes, later)).toHaveLength(1);
  const back = episodes.take(later, undefined, later.at);
  expect(told(back)).toEqual(['stream:several_out cleared north']);
  expect(back[0]!.summary).toMatch(/^Taken back/);
});

it('nobody is called for history that came late, nor for what is not asked for', () => {
  const late = found('several_out', 0, 'north');
  expect(take(new Episodes(ALERTING_KINDS), late, AT + 120 * MINUTE)).toEqual([]);
  expect(take(new Episodes(['stock_low']), late)).toEqual([]);
  expect(take(new Episodes(ALERTING_KINDS), found('zscore', 0))).toEqual([]);
});

it('a SKU becomes an id, and keeps its name in the text', () => {
  const episodes = new Episodes(ALERTING_KINDS);
  const [low] = take(episodes, found('stock_low', 0, 'MMR 10/b', { value: 4, threshold: 20 }));
  expect(low).toMatchObject({
    sensor: 'mmr-10-b',
    summary: 'north has 4 of MMR 10/b left, below 20: order.',
  });
  expect(told(take(episodes, found('stock_restored', 9, 'MMR 10/b')))).toEqual([
    'stream:stock_low cleared mmr-10-b',
  ]);
});
