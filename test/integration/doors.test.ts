import { request as httpsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rssMb } from '../bench/figure.js';
import { Authority, type Tls } from '../world/run/certificates.js';
import { freePort, Program, until } from '../world/run/programs.js';
import { startRelay, type TestRelay } from '../world/run/relay.js';
import { tempFolder } from '../world/run/services.js';

const TOKEN = 'a-token-of-sixteen-or-more';
const VIEWER = 'a-viewers-token-of-ours';
const FUNCTION = String(Object);

const batch = (gateway: string, clinic: string, from = 1) => ({
  v: 1,
  clinic,
  gateway,
  epoch: '00112233aabbccdd',
  stream: 'readings',
  from,
  to: from,
  backfill: false,
  channels: [['fridge', 'temperature']],
  t0: 1_770_000_000_000,
  c: [0],
  t: [0],
  m: [4500],
  q: [],
  e: [],
});

/** What is asked of a relay, as whoever has these headers. */
async function ask(relay: TestRelay, path: string, headers: Record<string, string> = {}, body?: unknown) {
  const post = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
  const response = await fetch(`${relay.url}${path}`, {
    ...post,
    redirect: 'manual',
    headers: { ...type, ...headers },
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const progress = (id: string) => `/v1/gateways/${id}/progress`;
const batches = (id: string) => `/v1/gateways/${id}/batches`;

describe('gateways with tokens', () => {
  const folder = tempFolder('doors-tokens');
  let relay: TestRelay;
  beforeAll(async () => {
    relay = await begin();
  });
  const begin = () =>
    startRelay(folder.path, {
      tokens: { gw: TOKEN, other: `${TOKEN}-2` },
      gateways: { bound: { clinic: 'kisumu', token: TOKEN } },
    });
  afterAll(async () => {
    await relay.program.stop();
    folder.remove();
  });

  it('a name that every object has is no gateway, whatever its token', async () => {
    for (const token of [FUNCTION, 'undefined', ''])
      expect((await ask(relay, progress('constructor'), bearer(token))).status).toBe(401);
    expect((await ask(relay, progress('gw'), bearer(TOKEN))).status).toBe(200);
    expect((await ask(relay, progress('gw'))).status).toBe(401);
  });

  it('another gateway’s token neither reads nor writes', async () => {
    expect((await ask(relay, progress('other'), bearer(TOKEN))).status).toBe(401);
    expect((await ask(relay, batches('other'), bearer(TOKEN), batch('other', 'c'))).status).toBe(401);
    expect((await ask(relay, batches('gw'), bearer(TOKEN), batch('other', 'c'))).status).toBe(400);
  });

  it('the names under which a relay writes itself are no gateways’', async () => {
    for (const id of ['relay', 'schema-registry'])
      expect((await ask(relay, batches(id), bearer(TOKEN), batch(id, 'c'))).status).toBe(403);
  });

  it('a gateway of the file writes for its clinic alone', async () => {
    expect((await ask(relay, batches('bound'), bearer(TOKEN), batch('bound', 'nairobi'))).status).toBe(403);
    expect((await ask(relay, batches('bound'), bearer(TOKEN), batch('bound', 'kisumu'))).status).toBe(200);
  });

  it('another keeps the clinic that it first spoke of, also after a start', async () => {
    const write = (clinic: string, from: number) =>
      ask(relay, batches('gw'), bearer(TOKEN), batch('gw', clinic, from));
    expect((await write('kisumu', 1)).status).toBe(200);
    const answer = await write('nairobi', 2);
    expect([answer.status, answer.text]).toEqual([
      403,
      expect.stringContaining('is of the clinic \\"kisumu\\"'),
    ]);
    await relay.program.stop();
    relay = await begin();
    expect((await write('nairobi', 2)).status).toBe(403);
    expect((await write('kisumu', 2)).status).toBe(200);
  });
});

describe('gateways with certificates', () => {
  const folder = tempFolder('doors-tls');
  let program: Program;
  let port: number;
  let strange: Tls;
  const issued = new Map<string, Tls>();
  const as = (name: string | null, path: string, body?: object) =>
    new Promise<number>((resolve, reject) => {
      const { ca, ...own } = issued.get('gw-1')!;
      const shown =
        name === null
          ? {}
          : name === 'gw-1'
            ? own
            : name === 'strange'
              ? { cert: strange.cert, key: strange.key }
              : issued.get(name);
      const headers = { 'content-type': 'application/json' };
      const options = {
        host: '127.0.0.1',
        port,
        path,
        ca,
        headers,
        method: body ? 'POST' : 'GET',
        agent: false as const,
        ...shown,
      };
      const sent = httpsRequest({ ...options, ca }, (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode ?? 0));
      });
      sent.once('error', reject);
      sent.end(body && JSON.stringify(body));
    });

  beforeAll(async () => {
    const authority = new Authority(folder.path);
    const tls = authority.relay();
    strange = new Authority(folder.path, 'elsewhere').issue('gw-1');
    for (const name of ['gw-1', 'gw-2', 'nobody']) issued.set(name, authority.issue(name));
    issued.set('by-uri', authority.issue('a printed name', 'URI:urn:coldwatch:gateway:gw-3'));
    issued.set(
      'by-two',
      authority.issue('gw-1', 'URI:urn:coldwatch:gateway:gw-3', 'URI:urn:coldwatch:gateway:gw-2'),
    );
    port = await freePort();
    const config = { data: `${folder.path}/relay`, http: { host: '127.0.0.1', port, tls } };
    program = new Program('relay', config, folder.path);
    await until('the relay', 60_000, async () => (await as(null, '/healthz')) === 200);
  });
  afterAll(async () => {
    await program?.stop();
    folder.remove();
  });

  it('the certificate’s name is the gateway: common name, or the URI where there is one', async () => {
    expect(await as('gw-1', progress('gw-1'))).toBe(200);
    expect(await as('by-uri', progress('gw-3'))).toBe(200);
    expect(await as('by-uri', progress('gw-1'))).toBe(403);
    expect(await as('by-two', progress('gw-1'))).toBe(401);
  });

  it('one gateway’s certificate neither reads nor writes another’s progress', async () => {
    expect(await as('gw-1', progress('gw-2'))).toBe(403);
    expect(await as('gw-1', batches('gw-2'), batch('gw-2', 'c'))).toBe(403);
    expect(await as('nobody', progress('gw-2'))).toBe(403);
  });

  it('none, and one of another authority, is no gateway', async () => {
    expect(await as(null, progress('gw-1'))).toBe(401);
    expect(await as('strange', progress('gw-1'))).toBe(401);
  });
});

describe('viewers', () => {
  const folder = tempFolder('doors-viewers');
  const READ = ['/', '/api/live', '/api/stream', '/metrics', '/v1/history/readings', '/nothing-here'];
  let relay: TestRelay;
  beforeAll(async () => {
    relay = await startRelay(folder.path, {
      archive: {},
      registry: { username: 'streams', password: 'a-password' },
      viewers: { tokens: { ops: VIEWER } },
    });
  });
  afterAll(async () => {
    await relay.program.stop();
    folder.remove();
  });

  it('without a token nothing is shown but that it runs', async () => {
    for (const path of [...READ, '/registry/subjects'])
      expect([path, (await ask(relay, path)).status]).toEqual([path, 401]);
    expect((await ask(relay, '/healthz')).text).toBe('{"ok":true}');
    expect((await ask(relay, '/readyz')).text).toBe('{"ok":true}');
    for (const token of [FUNCTION, `${VIEWER}x`, ''])
      expect((await ask(relay, '/metrics', bearer(token))).status).toBe(401);
  });

  it('a machine shows its token with each request', async () => {
    expect((await ask(relay, '/metrics', bearer(VIEWER))).text).toContain('coldwatch_relay_batches_total');
    expect((await ask(relay, '/api/live', bearer(VIEWER))).status).toBe(200);
    expect((await ask(relay, '/registry/subjects', bearer(VIEWER))).status).toBe(401);
  });

  it('a browser shows it once, and has a session then', async () => {
    const closed = await ask(relay, '/', { accept: 'text/html' });
    expect([closed.status, closed.headers.get('content-type')]).toEqual([401, 'text/html; charset=utf-8']);
    expect(closed.text).toContain('<form method="post" action="/login">');
    const login = await ask(relay, `/login?token=${VIEWER}`);
    expect([login.status, login.headers.get('location')]).toEqual([303, '/']);
    const cookie = login.headers.get('set-cookie')!;
    expect(cookie).toMatch(/; Path=\/; HttpOnly; SameSite=Lax; Max-Age=43200$/);
    expect(cookie).not.toContain(VIEWER);
    const session = { cookie: cookie.split(';')[0]! };
    expect((await ask(relay, '/', session)).status).toBe(200);
    expect((await ask(relay, '/', { cookie: `${session.cookie}x` })).status).toBe(401);
    const longer = session.cookie.replace(/\.(\d+)\./, (_all, end) => `.${Number(end) + 1}.`);
    expect((await ask(relay, '/', { cookie: longer })).status).toBe(401);
    expect((await ask(relay, '/login?token=not-a-token-of-ours')).status).toBe(401);
  });

  it('no page frames it, and it takes nothing from elsewhere', async () => {
    const { headers } = await ask(relay, '/', bearer(VIEWER));
    expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });
});

describe('address ranges', () => {
  const folder = tempFolder('doors-ranges');
  let relay: TestRelay;
  beforeAll(async () => {
    relay = await startRelay(folder.path, { viewers: { open_to: ['127.0.0.0/30', '10.0.0.0/8'] } });
  });
  afterAll(async () => {
    await relay.program.stop();
    folder.remove();
  });

  it('let in who is connected from there, not whom a proxy passes on, nor another’s name for this address', async () => {
    const raw = async (...headers: string[]) => {
      const { answer } = send(
        relay.port,
        ['GET /metrics HTTP/1.1', 'Connection: close', ...headers, '', ''].join('\r\n'),
      );
      return (await answer).slice(9, 12);
    };
    expect(await raw('Host: 127.0.0.1')).toBe('200');
    expect(await raw('Host: relay.internal:8443')).toBe('200');
    expect(await raw('Host: 127.0.0.1', 'X-Forwarded-For: 127.0.0.1')).toBe('401');
    expect(await raw('Host: rebound.example.com')).toBe('401');
  });
});

it('a relay whose file names nobody is closed, and says so', async () => {
  const folder = tempFolder('doors-closed');
  const relay = await startRelay(folder.path, { viewers: {} });
  const { readFileSync } = await import('node:fs');
  expect((await ask(relay, '/')).status).toBe(401);
  const said = readFileSync(`${folder.path}/relay.log`, 'utf8');
  expect(said).toMatch(/closed to everybody/);
  expect(said).toMatch(/anybody may send as any gateway/);
  await relay.program.stop();
  folder.remove();
});

/** A connection that sends these bytes; `answer` is all that came back until it was closed. */
function send(port: number, text: string): { socket: Socket; answer: Promise<string>; soFar: () => string } {
  const socket = connect(port, '127.0.0.1');
  let got = '';
  socket.on('data', (bytes) => {
    got += bytes;
  });
  const answer = new Promise<string>((resolve) => {
    socket.on('error', () => {});
    socket.on('close', () => resolve(got));
  });
  socket.write(text);
  return { socket, answer, soFar: () => got };
}

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

  it('an address in the request line is not asked', async () => {
    const answer = await send(
      relay.port,
      `GET http://127.0.0.1:9/metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    ).answer;
    expect(answer).toMatch(/^HTTP\/1\.1 400/);
  });
});
