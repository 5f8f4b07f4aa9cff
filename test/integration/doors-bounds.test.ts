import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rssMb } from '../bench/figure.js';
import { ask, batches, bearer, send } from '../world/run/ask.js';
import { until } from '../world/run/programs.js';
import { startRelay, type TestRelay } from '../world/run/relay.js';
import { tempFolder } from '../world/run/services.js';

const TOKEN = 'a-token-of-sixteen-or-more';

describe('what takes its time, and what is too much', () => {
  const folder = tempFolder('doors-slow');
  let relay: TestRelay;
  beforeAll(async () => {
    relay = await startRelay(folder.path, {
      http: { request_timeout: '3s' },
      sources: {
        tokens: [{ token: TOKEN, scopes: ['pos', 'webhook:deep'] }],
        webhooks: {
          deep: {
            schema: {
              type: 'object',
              properties: { a: { $ref: '#/$defs/t' } },
              $defs: { t: { allOf: [{ type: 'array', items: { $ref: '#/$defs/t' } }, { type: 'array' }] } },
            },
          },
        },
      },
      registry: { username: 'streams', password: 'a-password' },
    });
  });
  afterAll(async () => {
    await relay.program.stop();
    folder.remove();
  });
  const head = (path: string, length: number, ...more: string[]) =>
    [
      `POST ${path} HTTP/1.1`,
      'Host: 127.0.0.1',
      'Content-Type: application/json',
      `Content-Length: ${length}`,
      ...more,
      '',
      '',
    ].join('\r\n');

  it('a body that does not come to its end is closed, and so is a connection that says nothing', async () => {
    const slow = send(relay.port, `${head(batches('gw'), 900_000)}{"v":1`);
    const silent = send(relay.port, '');
    const half = send(relay.port, 'GET /healthz HTTP/1.1\r\nHost: 127');
    expect(await slow.answer).toMatch(/^HTTP\/1\.1 408|^$/);
    await Promise.all([silent.answer, half.answer]);
  });

  it('400 unfinished bodies of 800 kB take no more memory than the room for bodies', async () => {
    const before = rssMb(relay.program.pid);
    const part = 'x'.repeat(800_000);
    const all = Array.from({ length: 400 }, () => send(relay.port, `${head(batches('gw'), 900_000)}${part}`));
    let most = before;
    const look = setInterval(() => {
      most = Math.max(most, rssMb(relay.program.pid));
    }, 50);
    await Promise.all(all.map(({ answer }) => answer));
    clearInterval(look);
    expect(most - before).toBeLessThan(180);
    expect((await ask(relay, '/healthz')).status).toBe(200);
  });

  it('who has no token is refused before the body, and not waited for', async () => {
    const before = rssMb(relay.program.pid);
    const all = Array.from({ length: 150 }, () =>
      send(relay.port, `${head('/v1/sources/pos/sales', 900_000)}${'x'.repeat(300_000)}`),
    );
    const began = performance.now();
    await until(
      'answers',
      2500,
      () => all.filter(({ soFar }) => soFar().startsWith('HTTP/1.1 401')).length > 100,
    );
    expect(performance.now() - began).toBeLessThan(2500);
    for (const { socket } of all) socket.destroy();
    expect(rssMb(relay.program.pid) - before).toBeLessThan(60);
  });

  it('connections that do not say who they are are bounded, and others get in all the same', async () => {
    const all = Array.from({ length: 400 }, () => send(relay.port, 'GET /healthz HTTP/1.1\r\n'));
    await until(
      'the bound',
      2500,
      () => all.filter(({ socket }) => socket.destroyed || socket.readableEnded).length >= 190,
    );
    for (const { socket } of all) socket.destroy();
    await until('room again', 5000, async () => (await ask(relay, '/healthz')).status === 200);
    expect((await ask(relay, '/metrics')).text).toMatch(/coldwatch_relay_connections_refused_total [1-9]/);
  });

  it('brackets in brackets are refused before anything walks through them', async () => {
    const deep = (n: number) => '['.repeat(n) + ']'.repeat(n);
    const basic = { authorization: `Basic ${Buffer.from('streams:a-password').toString('base64')}` };
    const post = (path: string, body: string, headers: Record<string, string>) =>
      fetch(`${relay.url}${path}`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', ...headers },
      });
    for (const n of [1000, 4000]) {
      const began = performance.now();
      const answers = [
        await post(batches('gw'), deep(n), {}),
        await post('/v1/sources/webhook/deep', `{"event_id":"1","a":${deep(n)}}`, bearer(TOKEN)),
        await post('/registry/subjects/s/versions', deep(n), basic),
        await post('/registry/subjects/s/versions', JSON.stringify({ schema: deep(n) }), basic),
      ];
      expect(performance.now() - began).toBeLessThan(1000);
      for (const answer of answers) {
        expect([400, 422]).toContain(answer.status);
        expect(await answer.text()).toMatch(/nested deeper than 32/);
      }
    }
  });

  it('what is no route, no path and no request is answered as all else is', async () => {
    const told = async (path: string, method = 'GET') => {
      const answer = await fetch(`${relay.url}${path}`, { method });
      return [answer.status, await answer.json()];
    };
    const unknown = 'got "GET /v2/nothing", expected a method and path that this relay has';
    expect(await told('/v2/nothing')).toEqual([404, { error: 'unknown', message: unknown }]);
    expect(await told('/healthz', 'DELETE')).toMatchObject([404, { error: 'unknown' }]);
    expect(await told('/v1/gateways/%zz/progress')).toEqual([
      400,
      { error: 'invalid', message: 'got "/v1/gateways/%zz/progress", expected a path with whole %-signs' },
    ]);
    expect(await told(`/v1/gateways/${'g'.repeat(101)}/progress`)).toMatchObject([
      414,
      { error: 'invalid', message: expect.stringContaining('expected names of at most 100 characters') },
    ]);
    expect(await send(relay.port, 'no request at all\r\n\r\n').answer).toMatch(
      /^HTTP\/1\.1 400 .*\{"error":"invalid","message":"expected a request as HTTP\/1\.1 has it"\}$/s,
    );
    const large = `GET /healthz HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`;
    expect(await send(relay.port, large).answer).toMatch(/^HTTP\/1\.1 431 .*"error":"invalid"/s);
  });

  it('an address in the request line is not asked', async () => {
    const answer = await send(
      relay.port,
      `GET http://127.0.0.1:9/metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    ).answer;
    expect(answer).toMatch(/^HTTP\/1\.1 400/);
  });
});
