import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRelay, type TestRelay } from '../world/run/relay.js';
import { type Service, startKafka, tempFolder } from '../world/run/services.js';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const TOKEN = 'a-token-of-the-till';
const ERP = 'a-token-of-the-store';
const SECRET = `whsec_${Buffer.from('a secret of the supplier').toString('base64')}`;
const SOURCES = {
  tokens: [
    { token: TOKEN, scopes: ['pos'] },
    { token: ERP, scopes: ['erp', 'webhook:courier'] },
  ],
  webhooks: {
    supplier: {
      secret: SECRET,
      schema: { type: 'object', properties: { order: { type: 'string' } }, required: ['order'] },
    },
    courier: {
      schema: { type: 'object', properties: { parcel: { type: 'integer' } }, required: ['parcel'] },
    },
  },
};
const sale = (event_id: string, more: object = {}) => ({
  clinic: 'clinic-1',
  sku: 'MMR-10',
  quantity: 2,
  unit_price: 12.5,
  currency: 'KES',
  sold_at: 1_763_696_400_000,
  event_id,
  ...more,
});

let kafka: Service;
beforeAll(async () => {
  kafka = await startKafka();
});
afterAll(() => kafka?.stop());

describe.each(['embedded', 'kafka'])('sources, with the %s log', (kind) => {
  const folder = tempFolder('sources');
  let relay: TestRelay;
  const begin = () =>
    startRelay(folder.path, { sources: SOURCES, kafka: kind === 'kafka' ? kafka.address : undefined });
  beforeAll(async () => {
    relay = await begin();
  });
  afterAll(async () => {
    await relay.program.stop();
    folder.remove();
  });

  async function post(
    path: string,
    body: string,
    headers: Record<string, string> = { authorization: `Bearer ${TOKEN}` },
  ) {
    const response = await fetch(`${relay.url}/v1/sources/${path}`, { method: 'POST', body, headers });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
  const letters = (...args: string[]) => {
    const run = spawnSync(
      process.execPath,
      [CLI, 'relay', 'dead-letters', '--config', `${folder.path}/relay.yaml`, '--json', ...args],
      { encoding: 'utf8' },
    );
    return {
      status: run.status,
      err: run.stderr,
      list: run.stdout ? (JSON.parse(run.stdout) as Record<string, unknown>[]) : [],
    };
  };

  it('takes a sale once, also after a restart', async () => {
    expect(await post('pos/sales', JSON.stringify(sale('a')))).toEqual({
      status: 200,
      body: { accepted: 1, repeated: 0, refused: [], refused_count: 0 },
    });
    const lines = [sale('a'), sale('b'), sale('b'), sale('c')].map((s) => JSON.stringify(s)).join('\n');
    expect((await post('pos/sales', lines)).body).toMatchObject({ accepted: 2, repeated: 2 });
    await relay.program.kill();
    relay = await begin();
    expect((await post('pos/sales', lines)).body).toMatchObject({ accepted: 0, repeated: 4 });
  });

  it('names what is wrong with each line, takes the others, and keeps the bad ones', async () => {
    const bad = JSON.stringify(sale('d', { currency: 'shillings' }), null, 0);
    const answer = await post('pos/sales', `${JSON.stringify(sale('e'))}\n${bad}\n{"clinic":\n`);
    expect(answer).toMatchObject({ status: 200, body: { accepted: 1, refused_count: 2 } });
    expect(answer.body.refused).toMatchObject([
      { line: 2, problems: [{ path: 'currency', got: '"shillings"' }] },
      { line: 3, problems: [{ path: '(line)' }] },
    ]);
    expect((await post('pos/sales', '[1]')).status).toBe(400);
    const { list } = letters();
    expect(list).toHaveLength(3);
    expect(list[0]).toMatchObject({ source: 'pos/sales', body: bad, cut: false });
    const again = letters('--replay', 'all');
    expect([again.status, again.list.map((r) => r.outcome)]).toEqual([
      1,
      ['still refused', 'still refused', 'still refused'],
    ]);
    expect(letters('--replay', 'nonsense').status).toBe(2);
  });

  it('lets in whom a token or a signature lets in, and tells the others why', async () => {
    expect((await post('pos/sales', JSON.stringify(sale('f')), {})).status).toBe(401);
    expect((await post('erp/inventory', '{}')).body.message).toContain('scope "erp"');
    expect((await post('nothing', '{}')).status).toBe(404);
    const change = {
      clinic: 'clinic-1',
      sku: 'MMR-10',
      delta: -2,
      on_hand: 40,
      changed_at: 1_763_696_400_000,
      event_id: 'x',
    };
    expect(
      (await post('erp/inventory', JSON.stringify(change, null, 2), { authorization: `Bearer ${ERP}` })).body,
    ).toMatchObject({ accepted: 1 });
    expect(
      (await post('webhook/courier', '{"parcel":7,"event_id":"p7"}', { authorization: `Bearer ${ERP}` }))
        .body,
    ).toMatchObject({ accepted: 1 });

    const body = '{"order":"17"}';
    const signed = (at: number, key = 'a secret of the supplier') => ({
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(at),
      'webhook-signature': `v1,${Buffer.from('another').toString('base64')} v1,${createHmac('sha256', key).update(`msg_1.${at}.${body}`).digest('base64')}`,
    });
    const now = Math.floor(Date.now() / 1000);
    expect((await post('webhook/supplier', body, signed(now))).body).toMatchObject({ accepted: 1 });
    expect((await post('webhook/supplier', body, signed(now))).body).toMatchObject({
      accepted: 0,
      repeated: 1,
    });
    expect((await post('webhook/supplier', body, signed(now, 'a guess'))).status).toBe(401);
    expect((await post('webhook/supplier', body, signed(now - 3600))).status).toBe(401);
    expect((await post('webhook/supplier', `${body} `, signed(now))).status).toBe(401);
  });

  it('feeds history again by the time when it happened, a run apart from any other', () => {
    const replay = (...args: string[]) =>
      spawnSync(
        process.execPath,
        [
          CLI,
          'relay',
          'replay',
          '--config',
          `${folder.path}/relay.yaml`,
          '--topic',
          'pos.sales',
          '--json',
          ...args,
        ],
        { encoding: 'utf8' },
      );
    const [from, to] = ['2025-11-21T03:40:00Z', '2025-11-21T03:40:01Z'];
    const first = JSON.parse(replay('--from', from, '--to', to).stdout) as { run: string; written: number };
    const second = JSON.parse(replay('--from', from, '--to', to).stdout) as { run: string; written: number };
    expect([first.written, second.written]).toEqual([4, 4]);
    expect(first.run).not.toBe(second.run);
    expect(JSON.parse(replay('--from', to, '--to', '2026-01-01T00:00:00Z').stdout)).toMatchObject({
      written: 0,
    });
    expect(replay('--from', to, '--to', from).status).toBe(2);
    expect(replay('--from', from, '--to', to, '--topic', 'nothing').status).toBe(2);
  });

  it('counts what came in its metrics', async () => {
    const text = await (await fetch(`${relay.url}/metrics`)).text();
    expect(text).toMatch(/coldwatch_relay_events_refused_total\{source="pos\/sales"\} 3/);
  });
});

describe('coldwatch relay topics apply', () => {
  it('says what differs, mends it, and then finds nothing more', () => {
    const folder = tempFolder('topics');
    const run = (...args: string[]) =>
      spawnSync(
        process.execPath,
        [CLI, 'relay', 'topics', 'apply', '--config', `${folder.path}/relay.yaml`, '--json', ...args],
        { encoding: 'utf8' },
      );
    const config = (partitions: number, lanes = 4) =>
      writeFileSync(
        `${folder.path}/relay.yaml`,
        `data: ${folder.path}\nkafka: { brokers: ["${kafka.address}"], partitions: ${partitions}, lanes: ${lanes} }\n`,
      );
    const differences = (out: string) =>
      (JSON.parse(out) as { differences: { topic: string; what: string; done: boolean }[] }).differences;
    config(6);
    expect(differences(run().stdout)).toEqual([]);
    config(7);
    const dry = run('--dry-run');
    expect(dry.status).toBe(1);
    expect(differences(dry.stdout).every(({ what, done }) => what === 'partitions' && !done)).toBe(true);
    expect(run().status).toBe(0);
    expect(differences(run().stdout)).toEqual([]);
    config(7, 5);
    const lanes = run();
    expect([lanes.status, differences(lanes.stdout)]).toEqual([
      1,
      [expect.objectContaining({ topic: 'gateway.progress', done: false })],
    ]);
    folder.remove();
  });
});
