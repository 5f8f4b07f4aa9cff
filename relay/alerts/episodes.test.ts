import { expect, it } from 'vitest';
import type { AlertMessage } from '../../core/contract/messages.js';
import { type Finding, subjectOf } from '../../core/contract/streams.js';
import { MINUTE } from '../../core/durations.js';
import { ALERTING_KINDS, type CentralAlert, Episodes, TAKEN_BACK_MS } from './episodes.js';

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
const take = (episodes: Episodes, finding: Finding, now = finding.at) =>
  episodes.take(subjectOf(finding), finding, now);
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

const window = (minute: number) => found('several_out', minute, 'north', { value: 4, threshold: 2 });

it('several units out are one episode over many windows, which ends by itself', () => {
  const episodes = new Episodes(ALERTING_KINDS);
  expect(take(episodes, window(0))[0]).toMatchObject({
    severity: 'critical',
    alert_type: 'excursion',
    summary: '4 units of north are outside their limits at once: look at its power.',
  });
  expect(take(episodes, window(5))).toEqual([]);
  expect(episodes.tick(AT + 14 * MINUTE)).toEqual([]);
  expect(told(episodes.tick(AT + 15 * MINUTE))).toEqual(['stream:several_out cleared north']);
});

it('a window that is taken back and found again with each reading is one alert; one that stays away is over', () => {
  const episodes = new Episodes(ALERTING_KINDS);
  const at = window(0);
  const first = take(episodes, at);
  const told0 = first[0]!.alert_id;
  for (let n = 1; n <= 15; n++) {
    const now = at.at + n * 8000;
    expect(episodes.take(subjectOf(at), undefined, now)).toEqual([]);
    expect(episodes.tick(now)).toEqual([]);
    expect(take(episodes, at, now + 1000)).toEqual([]);
  }
  const end = at.at + 130_000;
  episodes.take(subjectOf(at), undefined, end);
  expect(episodes.tick(end + TAKEN_BACK_MS - 1)).toEqual([]);
  const back = episodes.tick(end + TAKEN_BACK_MS);
  expect(told(back)).toEqual(['stream:several_out cleared north']);
  expect(back[0]!.summary).toMatch(/^Taken back/);
  // Raised anew it is another alert, of another episode: also to a relay that starts in between.
  const after = new Episodes(ALERTING_KINDS);
  for (const alert of [...first, ...back]) after.restore(stored(alert), end);
  for (const own of [episodes, after]) {
    const [anew] = take(own, at, end + 200_000);
    expect(anew).toMatchObject({ state: 'raised' });
    expect(anew!.alert_id).not.toBe(told0);
    expect(anew!.episode_id).not.toBe(first[0]!.episode_id);
  }
});

it('the same alerts are told whatever order silence and return are read in', () => {
  const silent = (minute: number) => found('gateway_silent', minute);
  const back = (minute: number) => found('gateway_back', minute);
  const tell = (...findings: Finding[]) => {
    const episodes = new Episodes(ALERTING_KINDS);
    const alerts = findings.flatMap((finding) => take(episodes, finding, AT + 99 * MINUTE));
    return {
      alerts: alerts.map(({ alert_id, timestamp }) => `${timestamp} ${alert_id}`),
      open: episodes.open,
    };
  };
  const inOrder = tell(silent(0), back(30), silent(60), back(90), silent(95));
  expect(inOrder.alerts).toHaveLength(5);
  expect(inOrder.open).toBe(1);
  expect(tell(back(30), silent(0), back(90), silent(60), silent(95))).toEqual(inOrder);
  expect(tell(silent(0), silent(60), back(30), back(90), silent(95))).toEqual(inOrder);
  expect(tell(back(30), silent(0), silent(60), silent(95), back(90)).open).toBe(1);
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
  expect(low!.sensor).toMatch(/^mmr-10-b-[0-9a-f]{6}$/);
  expect(low).toMatchObject({
    summary: 'north has 4 of MMR 10/b left, below 20: order.',
  });
  const like = take(episodes, found('stock_low', 1, 'MMR-10/B', { value: 4, threshold: 20 }));
  expect(like).toHaveLength(1);
  expect(like[0]!.sensor).not.toBe(low!.sensor);
  const back = take(episodes, found('stock_restored', 9, 'MMR 10/b'));
  expect(told(back)).toEqual([`stream:stock_low cleared ${low!.sensor}`]);
  const plain = take(episodes, found('stock_low', 0, 'mmr-10', { value: 4, threshold: 20 }));
  expect(plain[0]!.sensor).toBe('mmr-10');
});
