import { chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { encodeBatch } from '../../core/contract/batch.js';
import type { Program } from '../world/programs.js';
import { startRelay } from '../world/relay.js';
import { need, tempFolder } from '../world/services.js';

const folder = tempFolder('page');
let relay: Program;
let url: string;

beforeAll(async () => {
  need('chromium', 'apt-get install chromium');
  ({ program: relay, url } = await startRelay(folder.path));
});
afterAll(async () => {
  await relay?.stop();
  folder.remove();
});

const HEAD = { clinic: 'kisumu', gateway: 'gw', epoch: '00112233aabbccdd', backfill: false };
const post = (body: unknown) =>
  fetch(`${url}/v1/gateways/gw/batches`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

async function sendReadings(from: number, values: number[]): Promise<void> {
  const start = Date.now() - 600_000;
  const rows = values.map((celsius, i) => ({
    sensor: 'fridge-1',
    quantity: 'temperature' as const,
    measuredAt: start + (from + i) * 1000,
    estimated: false,
    milli: celsius * 1000,
    quality: 0,
  }));
  const answer = await post(
    encodeBatch({ ...HEAD, stream: 'readings', from, to: from + rows.length - 1, rows }),
  );
  expect(answer.status).toBe(200);
}

it('shows sensors, then readings and alerts as they come, with a chart, and not what a sensor could inject', async () => {
  await sendReadings(1, [4, 5, 6]);
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  try {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    await page.goto(url);
    const row = page.locator('#sensors tr');
    await row.filter({ hasText: 'fridge-1' }).filter({ hasText: '6 °C' }).waitFor({ timeout: 15_000 });
    await sendReadings(4, [7, 8, 9.1]);
    await row.filter({ hasText: '9.1 °C' }).waitFor({ timeout: 15_000 });
    const time = new Date().toISOString();
    const alert = {
      alert_id: 'a-1',
      episode_id: 'a-1',
      alert_type: 'excursion',
      timestamp: time,
      kpi: { name: 'temperature', value: 9.1, threshold: 8, unit: 'Cel' },
      severity: 'critical',
      state: 'raised',
      rule: 'warm',
      since: time,
      sensor: 'fridge-1',
      summary: '<img src=x onerror=alert(1)> is warm',
    };
    const raised = {
      ...HEAD,
      stream: 'events' as const,
      from: 1,
      to: 1,
      rows: [{ type: 'alert' as const, alert }],
    };
    expect((await post({ v: 1, ...raised })).status).toBe(200);
    const card = page.locator('.alert.critical.raised');
    await card.waitFor({ timeout: 15_000 });
    expect(await card.locator('h3').textContent()).toBe('Out of range: kisumu / fridge-1');
    expect(await card.locator('.summary').textContent()).toContain('<img src=x');
    expect(await card.locator('img').count()).toBe(0);
    await card.locator('canvas').waitFor({ timeout: 15_000 });
    const by = { ...alert, alert_id: 'a-2', state: 'acknowledged', by: 'Amina' };
    await post({ v: 1, ...raised, from: 2, to: 2, rows: [{ type: 'alert', alert: by }] });
    await page
      .locator('.alert.acknowledged', { hasText: 'acknowledged by Amina' })
      .waitFor({ timeout: 15_000 });
    expect(errors).toEqual([]);
  } finally {
    await browser.close();
  }
});
