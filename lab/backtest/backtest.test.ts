import { expect, it } from 'vitest';
import type { AlertMessage } from '../../core/contract/messages.js';
import { ruleSchema } from '../../core/detect/rules.js';
import { MINUTE } from '../../core/durations.js';
import { runBacktest } from './backtest.js';
import type { Row } from './readings.js';

const rule = ruleSchema.parse({ kind: 'threshold', name: 'warm', side: 'above', limit: 8, dwell: '0s' });

/** Five fridges that are too warm at the same times. */
async function* rows(): AsyncGenerator<Row> {
  for (let m = 0; m < 40; m++) {
    for (const sensor of ['a', 'b', 'c', 'd', 'e']) {
      yield { sensor, atMs: m * MINUTE, milli: m % 10 < 3 ? 9000 : 5000, line: m + 2 };
    }
  }
}

it('numbers alerts and episodes over the whole run: no two share an id, and each is closed by its own', async () => {
  const alerts: AlertMessage[] = [];
  const { raised } = await runBacktest(
    rows(),
    () => ({ rules: [rule] }),
    (alert) => alerts.push(alert),
  );
  expect(alerts).toHaveLength(40);
  expect(new Set(alerts.map(({ alert_id }) => alert_id)).size).toBe(40);
  const episodes = new Map<string, AlertMessage[]>();
  for (const alert of alerts)
    episodes.set(alert.episode_id, [...(episodes.get(alert.episode_id) ?? []), alert]);
  expect(episodes.size).toBe(20);
  for (const [raise, clear] of episodes.values()) {
    expect([raise!.state, clear!.state]).toEqual(['raised', 'cleared']);
    expect(raise!.sensor).toBe(clear!.sensor);
    expect(raise!.since).toBe(clear!.since);
  }
  expect(alerts.every(({ alert_id, epoch, seq }) => alert_id === `${epoch}-${seq}`)).toBe(true);
  expect(raised.every(({ untilMs }) => untilMs !== undefined)).toBe(true);
});
