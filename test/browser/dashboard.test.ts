import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { encodeBatch, type ReadingRow } from '../../core/contract/batch.js';
import type { AlertBody, RingEvent } from '../../core/contract/messages.js';
import { HOUR, MINUTE } from '../../core/durations.js';
import type { Program } from '../world/run/programs.js';
import { startRelay } from '../world/run/relay.js';
import { need, tempFolder } from '../world/run/services.js';

const TOKEN = 'a-viewers-token-of-ours';
/** Where to put pictures for people to look at. */
const PICTURES = process.env.PICTURES;

let browser: Browser;
beforeAll(async () => {
  need('chromium', 'apt-get install chromium');
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
});
afterAll(() => browser?.close());

let folder: ReturnType<typeof tempFolder>;
let relay: Program;
let url: string;
let page: Page;
let errors: string[];
beforeEach(async () => {
  folder = tempFolder('page');
  ({ program: relay, url } = await startRelay(folder.path, { viewers: { tokens: { ops: TOKEN } } }));
  page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
});
afterEach(async () => {
  await page.close();
  await relay?.stop();
  folder.remove();
  expect(errors).toEqual([]);
});

/** A gateway that numbers what it sends. */
class Gateway {
  readonly #head;
  readonly #next = { readings: 1, events: 1 };

  constructor(clinic: string) {
    this.#head = { clinic, gateway: `gw-${clinic}`, epoch: '00112233aabbccdd', backfill: false };
  }

  async #post(stream: 'readings' | 'events', rows: unknown[]): Promise<void> {
    const from = this.#next[stream];
    this.#next[stream] += rows.length;
    const batch = encodeBatch({ ...this.#head, stream, from, to: from + rows.length - 1, rows } as never);
    const answer = await fetch(`${url}/v1/gateways/${this.#head.gateway}/batches`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(batch),
    });
    expect([answer.status, await answer.text()]).toEqual([200, expect.any(String)]);
  }

  /** A reading a minute, the last of them `agoMs` ago. */
  readings(sensor: string, celsius: readonly number[], agoMs = 0, quality = 0): Promise<void> {
    const end = Date.now() - agoMs;
    const rows = celsius.map(
      (value, i): ReadingRow => ({
        sensor,
        quantity: 'temperature',
        measuredAt: end - (celsius.length - 1 - i) * MINUTE,
        estimated: false,
        milli: Math.round(value * 1000),
        quality,
      }),
    );
    return this.#post('readings', rows);
  }

  events(...rows: RingEvent[]): Promise<void> {
    return this.#post('events', rows);
  }

  announce(sensor: string, name: string, clinicName: string, low: number, high: number): Promise<void> {
    const channels = [{ quantity: 'temperature' as const, unit: 'Cel', low, high }];
    const is = {
      name,
      clinic_name: clinicName,
      purpose: 'refrigerator' as const,
      every_ms: MINUTE,
      channels,
    };
    return this.events({ type: 'sensor', sensor, at: new Date().toISOString(), is } as RingEvent);
  }

  alert(episode: string, sensor: string, sinceAgoMs: number, more: Partial<AlertBody> = {}): Promise<void> {
    const alert: AlertBody = {
      alert_id: `${episode}-${this.#next.events}`,
      episode_id: episode,
      alert_type: 'excursion',
      timestamp: new Date(Date.now() - sinceAgoMs).toISOString(),
      kpi: { name: 'temperature', value: 9.1, threshold: 8, unit: 'Cel' },
      severity: 'critical',
      state: 'raised',
      rule: 'warm',
      since: new Date(Date.now() - sinceAgoMs).toISOString(),
      sensor,
      summary: 'Fridge 1: 9.1 °C, above 8 °C.',
      ...more,
    };
    return this.events({ type: 'alert', alert });
  }
}

const wave = (minutes: number, middle: number) =>
  Array.from({ length: minutes }, (_, i) => middle + Math.sin(i / 9));
const row = (text: string) => page.locator('#sensors tr', { hasText: text });
const login = () => page.goto(`${url}/login?token=${TOKEN}`);
const picture = async (name: string) => {
  if (PICTURES === undefined) return;
  for (const [width, height] of [
    [1280, 800],
    [390, 844],
  ] as const) {
    await page.setViewportSize({ width, height });
    await page.waitForTimeout(300);
    await page.screenshot({ path: `${PICTURES}/${name}-${width}.png` });
  }
  await page.setViewportSize({ width: 1280, height: 800 });
};

it('asks for a token, and shows what a sensor sends as it comes, but nothing that it could inject', async () => {
  await page.goto(url);
  errors.length = 0;
  await picture('login');
  await page.getByLabel('Token').fill(TOKEN);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('No readings in the last 24 hours.').waitFor();
  const gateway = new Gateway('kisumu');
  await gateway.readings('fridge-1', [4, 5, 6]);
  await row('fridge-1')
    .filter({ hasText: '6.0 °C' })
    .filter({ hasText: '● well' })
    .waitFor({ timeout: 15_000 });
  await gateway.readings('fridge-1', [9.1]);
  await row('fridge-1').filter({ hasText: '9.1 °C' }).waitFor({ timeout: 15_000 });
  await gateway.alert('a-1', 'fridge-1', MINUTE, { summary: '<img src=x onerror=alert(1)> is warm' });
  const card = page.locator('.alert.critical.raised');
  await card.waitFor({ timeout: 15_000 });
  expect(await card.locator('b').textContent()).toBe('Out of range: fridge-1 · kisumu');
  expect(await card.locator('.summary').textContent()).toContain('<img src=x');
  expect(await card.locator('img').count()).toBe(0);
  await card.locator('canvas').waitFor({ timeout: 15_000 });
  await gateway.alert('a-1', 'fridge-1', MINUTE, { state: 'acknowledged', by: 'Amina' });
  await page
    .locator('.alert.acknowledged', { hasText: 'acknowledged by Amina' })
    .waitFor({ timeout: 15_000 });
});

it('the first who looks sees what was there before, what is wrong on top, and each state as a word', async () => {
  const [kisumu, lodwar] = [new Gateway('kisumu'), new Gateway('lodwar')];
  await kisumu.announce('fridge-1', 'Frigo des vaccins, salle 2', 'Kisumu West', 2, 8);
  await kisumu.announce('freezer', 'Freezer', 'Kisumu West', -25, -15);
  await kisumu.readings('fridge-1', [...wave(200, 5), 8.5, 9.4, 10.2]);
  await kisumu.readings('freezer', wave(100, -20));
  await lodwar.readings('cold-box', wave(60, 4), HOUR);
  await lodwar.readings('probe', [4, 5, 85], 0, 1);
  await kisumu.alert('open', 'fridge-1', 3 * MINUTE);
  const yesterday = { timestamp: new Date(Date.now() - 30 * HOUR).toISOString() };
  await lodwar.readings('fridge-9', wave(180, 5), 29 * HOUR);
  await lodwar.readings('fridge-9', wave(30, 5));
  await lodwar.alert('past', 'fridge-9', 31 * HOUR, yesterday);
  await lodwar.alert('past', 'fridge-9', 31 * HOUR, { state: 'cleared', timestamp: yesterday.timestamp });
  await login();
  await row('Frigo des vaccins').filter({ hasText: '■ alarm' }).waitFor();
  const states = await page.locator('#sensors tr .state').allTextContents();
  expect(states).toEqual(['■ alarm', '▲ watch', '◌ silent', '● well', '● well']);
  expect(await page.locator('#counts button').allTextContents()).toEqual([
    '■ 1 alarm',
    '▲ 1 watch',
    '◌ 1 silent',
    '● 2 well',
  ]);
  expect(await row('cold-box').textContent()).toMatch(/60 min ago/);
  expect(await row('Freezer').textContent()).toContain('● well');
  expect(await page.title()).toBe('(1) coldwatch');
  // Of another day: with its date, and a chart of that day.
  const past = page.locator('details.alert');
  expect(await past.textContent()).toMatch(
    new RegExp(new Date(Date.now() - 31 * HOUR).toLocaleString('en-US', { month: 'short' })),
  );
  await past.locator('summary').click();
  await past.locator('canvas').waitFor();
  const drawn = await past.locator('table td:first-child').allTextContents();
  expect(drawn.length).toBeGreaterThan(5);
  await picture('full');
  await past.locator('summary').click();
  await picture('calm');
});

it('is whole by keyboard, and a phone shows the clinic', async () => {
  const gateway = new Gateway('kisumu');
  await gateway.readings('fridge-1', wave(50, 5));
  await gateway.readings('fridge-2', wave(50, 5), HOUR);
  await login();
  await row('fridge-2').waitFor();
  const focused: string[] = [];
  for (let i = 0; i < 8; i++) {
    await page.keyboard.press('Tab');
    focused.push((await page.evaluate('document.activeElement.textContent')) as string);
  }
  for (const text of ['● 1 well', 'fridge-1', 'fridge-2'])
    expect(focused.some((one) => one.includes(text))).toBe(true);
  await page.getByRole('button', { name: '◌ 1 silent' }).focus();
  await page.keyboard.press('Enter');
  expect(await page.locator('#sensors tr').count()).toBe(1);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: /fridge-1/ }).focus();
  await page.keyboard.press('Enter');
  await row('fridge-1').locator('canvas').waitFor();
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await page.getByText('kisumu').first().isVisible()).toBe(true);
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
});

it('what is not heard any more turns silent, and a page that is cut off says so', async () => {
  await page.clock.install();
  await new Gateway('kisumu').readings('fridge-1', wave(50, 5));
  await login();
  await row('fridge-1').filter({ hasText: '● well' }).waitFor();
  await relay.stop();
  await page.clock.fastForward(10 * MINUTE);
  await row('fridge-1').filter({ hasText: '◌ silent' }).waitFor();
  await page.getByText(/^not connected: all of this is as of/).waitFor();
  errors.length = 0;
});
