import { request as httpsRequest } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TRIES_MAX } from '../../relay/web/tries.js';
import { ask, batches, bearer, progress, send } from '../world/run/ask.js';
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

it('who shows one wrong token after the other is not looked at for a while, whoever has a session is', async () => {
  const folder = tempFolder('doors-tries');
  const registry = { username: 'streams', password: 'a-password' };
  const relay = await startRelay(folder.path, { registry, viewers: { tokens: { ops: VIEWER } } });
  const login = await ask(relay, `/login?token=${VIEWER}`);
  const session = { cookie: login.headers.get('set-cookie')!.split(';')[0]! };
  for (let i = 0; i < TRIES_MAX; i++)
    expect((await ask(relay, '/metrics', bearer(`not-the-token-${i}`))).status).toBe(401);
  for (const path of ['/metrics', `/login?token=${VIEWER}`]) {
    const { status, headers } = await ask(relay, path, path === '/metrics' ? bearer(VIEWER) : {});
    expect([status, Number(headers.get('retry-after'))]).toEqual([
      429,
      expect.toSatisfy((s) => s > 0 && s <= 3),
    ]);
  }
  const basic = { authorization: `Basic ${Buffer.from('streams:a-password').toString('base64')}` };
  expect((await ask(relay, '/registry/subjects', basic)).status).toBe(429);
  expect((await ask(relay, '/metrics', session)).status).toBe(200);
  await until(
    'another try',
    10_000,
    async () => (await ask(relay, '/metrics', bearer(VIEWER))).status === 200,
  );
  await relay.program.stop();
  folder.remove();
});

it('a relay without sources says so to a source', async () => {
  const folder = tempFolder('doors-sourceless');
  const relay = await startRelay(folder.path, { viewers: {} });
  const { status, text } = await ask(relay, '/v1/sources/pos/sales', bearer(TOKEN), {});
  const message = 'this relay takes nothing but gateways: its file has no `sources`';
  expect([status, JSON.parse(text)]).toEqual([404, { error: 'unknown', message }]);
  await relay.program.stop();
  folder.remove();
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
