import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { W1Tree } from '../world/probes/w1.js';
import { CLI, freePort, getJson, Program, until } from '../world/run/programs.js';
import { readEmbedded } from '../world/run/read-log.js';
import { tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';

/*
 * A relay that certifies gateways and agents that enrol with it, as programs, over TLS; everything that an operator does
 * is a command beside the running relay.
 */
const folder = tempFolder('enrolment');
const at = (name: string) => `${folder.path}/${name}`;
const RELAY = at('relay.yaml');
let port: number;
let relay: Program;
const agents: Program[] = [];

function coldwatch(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8' });
  return { status, stdout: stdout.trim(), stderr };
}
const gateways = (...args: string[]) => coldwatch('relay', 'gateways', ...args, '--config', RELAY);
const invite = (gateway: string, ...more: string[]) =>
  gateways('invite', gateway, '--clinic', 'clinic-1', ...more).stdout;

interface Listed {
  gateway: string;
  state: string;
  detail: string;
}
const listed = (gateway: string) =>
  (JSON.parse(gateways('list', '--json').stdout) as Listed[]).find((one) => one.gateway === gateway);

/** A gateway's machine: its own folder, one probe. */
class Card {
  readonly folder: string;
  readonly gateway: string;
  #http = 0;

  constructor(name: string, gateway: string) {
    this.folder = at(name);
    this.gateway = gateway;
    mkdirSync(this.folder);
    new W1Tree(`${this.folder}/w1`).set('28-0000000000ff', 5);
  }

  async boot(relaySettings: object): Promise<Program> {
    this.#http = await freePort();
    const site = {
      clinic: { id: 'clinic-1', name: 'Clinic' },
      gateway: this.gateway,
      data: `${this.folder}/data`,
      gpio: { w1_root: `${this.folder}/w1` },
      ring: { flush: '50ms' },
      http: { host: '127.0.0.1', port: this.#http },
      sensors: [
        { id: 'fridge', model: 'maxim/ds18b20', source: { kind: 'w1', rom: '28-0000000000ff' }, every: '1s' },
      ],
      relay: {
        url: `https://127.0.0.1:${port}`,
        every: '200ms',
        tls: { ca: at('ca/ca.pem') },
        ...relaySettings,
      },
    };
    const program = new Program('agent', site, this.folder);
    agents.push(program);
    return program;
  }

  status = () => getJson<AgentStatus>(`http://127.0.0.1:${this.#http}/api/status`);
  connected = () =>
    until(`${this.gateway} connected`, 30_000, async () => (await this.status()).relay.connected);
  problem = (words: RegExp) =>
    until(`${this.gateway} says ${words}`, 30_000, async () =>
      words.test((await this.status()).relay.problem ?? ''),
    );
}

const readingsOf = (gateway: string) =>
  readEmbedded(at('log')).filter(
    ({ topic, message }) => topic === 'iot.temperature' && message.gateway === gateway,
  ).length;

interface Reply {
  status: number;
  body: Record<string, string>;
}

function post(path: string, body: unknown, tls: object = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const options = {
      port,
      host: '127.0.0.1',
      path,
      method: 'POST',
      ca: readFileSync(at('ca/ca.pem')),
      agent: false,
      ...tls,
    };
    const sent = request({ ...options, headers: { 'content-type': 'application/json' } }, (response) => {
      let text = '';
      response.on('data', (bytes) => (text += bytes));
      response.on('end', () =>
        resolve({ status: response.statusCode!, body: JSON.parse(text) as Reply['body'] }),
      );
    });
    sent.on('error', reject);
    sent.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
}

/** As OpenSSL makes it. */
function csrOf(subject: string, ...more: string[]): { csr: string; key: string } {
  const key = at('csr.key');
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key];
  const csr = execFileSync('openssl', ['req', '-new', ...ec, '-subj', subject, ...more], {
    encoding: 'utf8',
    stdio: 'pipe',
  });
  return { csr, key: readFileSync(key, 'utf8') };
}

beforeAll(async () => {
  port = await freePort();
  expect(coldwatch('relay', 'ca', 'init', at('ca')).status).toBe(0);
  expect(
    coldwatch('relay', 'ca', 'server', at('ca'), '--names', '127.0.0.1', '--out', folder.path).status,
  ).toBe(0);
  const config = {
    data: at('log'),
    http: { host: '127.0.0.1', port, tls: { cert: at('relay.pem'), key: at('relay.key') } },
    enrol: { ca: at('ca'), certificate_for: '1m' },
  };
  writeFileSync(RELAY, stringify(config));
  relay = new Program('relay', config, folder.path);
  await until('the relay', 30_000, () => post('/v1/enrolments', {}).then(({ status }) => status === 400));
});
afterAll(async () => {
  await Promise.all(agents.map((agent) => agent.kill()));
  await relay?.kill();
  folder.remove();
});

describe('a gateway with a claim token', () => {
  const card = new Card('first', 'gw-1');
  let token: string;

  it('is refused before it is invited, and keeps its readings', async () => {
    const agent = await card.boot({ claim: 'AAAAA-AAAAA-AAAAA-AAAAA-AAAAA' });
    await card.problem(/401.*no claim token of that gateway/);
    expect((await card.status()).ring.readings).toBeGreaterThan(0);
    expect(await agent.stop()).toBe(0);
  });

  it('makes a key, is certified, and sends what it has', async () => {
    token = invite('gw-1');
    expect(token).toMatch(/^([0-9A-Z]{5}-){4}[0-9A-Z]{5}$/);
    expect(listed('gw-1')?.state).toBe('invited');
    const agent = await card.boot({ claim: token });
    await card.connected();
    await until('its readings', 20_000, () => readingsOf('gw-1') > 0);
    expect(listed('gw-1')?.state).toBe('enrolled');
    await agent.kill();
  });

  it('needs its token no more, and gets the next certificate before the first ends', async () => {
    const serial = () =>
      (JSON.parse(readFileSync(`${card.folder}/data/identity.json`, 'utf8')) as { certificate: string })
        .certificate;
    const first = serial();
    await card.boot({});
    await card.connected();
    await until('the next certificate', 60_000, () => serial() !== first);
    const before = readingsOf('gw-1');
    await until('more readings', 20_000, () => readingsOf('gw-1') > before);
  });

  it('is out once another card that came with its token is approved', async () => {
    const { csr } = csrOf('/CN=gw-1');
    const claim = () => post('/v1/enrolments', { gateway: 'gw-1', token, csr });
    expect(await claim()).toMatchObject({ status: 202, body: { message: expect.stringMatching(/approve/) } });
    expect(listed('gw-1')).toMatchObject({ state: 'waiting', detail: expect.stringMatching(/another card/) });
    await card.connected();
    expect(gateways('approve', 'gw-1', '--key', 'ffff').stderr).toMatch(/the card that waits has/);
    expect(gateways('approve', 'gw-1').status).toBe(0);
    expect((await claim()).status).toBe(201);
    expect(listed('gw-1')?.state).toBe('enrolled');
    await card.problem(/403.*revoked/);
  });
});

describe('what nobody is certified for', () => {
  const claim = (gateway: string, token: string, csr: string) =>
    post('/v1/enrolments', { gateway, token, csr });

  it.each([
    ['another name', '/CN=gw-9', []],
    ['another gateway’s URN', '/CN=gw-2', ['-addext', 'subjectAltName=URI:urn:coldwatch:gateway:gw-9']],
    [
      'a host beside it',
      '/CN=gw-2',
      ['-addext', 'subjectAltName=URI:urn:coldwatch:gateway:gw-2,DNS:relay.example'],
    ],
    ['two names', '/CN=gw-2/CN=gw-9', []],
  ])('a request with %s', async (_what, subject, more) => {
    const token = invite('gw-2');
    const { status, body } = await claim('gw-2', token, csrOf(subject, ...more).csr);
    expect([status, body.message]).toEqual([
      400,
      expect.stringMatching(/csr: expected a request for the gateway "gw-2"/),
    ]);
  });

  it('a token of another gateway, one that is too old, one that is none', async () => {
    const other = invite('gw-3');
    const { csr } = csrOf('/CN=gw-2');
    expect((await claim('gw-2', other, csr)).status).toBe(401);
    const wrong = await claim('gw-2', 'not-a-token', csr);
    expect([wrong.status, JSON.stringify(wrong.body)]).toEqual([
      400,
      expect.not.stringContaining('not-a-token'),
    ]);
    expect(gateways('invite', 'gw-2', '--clinic', 'clinic-1', '--for', '1s').stderr).toMatch(
      /expected a duration/,
    );
  });

  it('garbage', async () => {
    for (const body of [
      '',
      '{',
      '[]',
      'null',
      '"x"',
      JSON.stringify({ gateway: 'g', token: 5, csr: 'x'.repeat(7000) }),
    ])
      expect((await post('/v1/enrolments', body)).status).toBe(400);
    const broken = csrOf('/CN=gw-2').csr.replace(/.{9}(?=\n-----END)/, 'AAAAAAAAA');
    expect((await claim('gw-2', invite('gw-2'), broken)).status).toBe(400);
  });
});

describe('a certificate', () => {
  const tls: { key?: string; cert?: string } = {};
  const batch = () => post('/v1/gateways/gw-5/batches', {}, tls);

  it('is for its own gateway alone, and answered again to who did not hear it', async () => {
    const token = invite('gw-5');
    const { csr, key } = csrOf('/CN=gw-5');
    const first = await post('/v1/enrolments', { gateway: 'gw-5', token, csr });
    const again = await post('/v1/enrolments', { gateway: 'gw-5', token, csr });
    expect([first.status, again.status]).toEqual([201, 201]);
    Object.assign(tls, { key, cert: first.body.certificate });
    // Let in, and then told that this is no batch.
    expect((await batch()).status).toBe(400);
    expect((await post('/v1/gateways/gw-1/batches', {}, tls)).status).toBe(403);
    const renewal = await post('/v1/gateways/gw-1/certificate', { csr }, tls);
    expect(renewal.status).toBe(403);
    const other = await post('/v1/enrolments', { gateway: 'gw-5', token, csr: csrOf('/CN=gw-5').csr });
    expect(other.status).toBe(202);
  });

  it('is refused once it is revoked, on connections that are open too', async () => {
    expect(gateways('revoke', 'gw-5').status).toBe(0);
    await until('it refused', 10_000, async () => (await batch()).status === 403);
    expect(await batch()).toMatchObject({ body: { error: 'revoked' } });
    expect((await post('/v1/gateways/gw-5/certificate', { csr: csrOf('/CN=gw-5').csr }, tls)).status).toBe(
      403,
    );
  });

  it('of a retired gateway is refused with the reason, until it is invited again', async () => {
    const token = invite('gw-6');
    const { csr, key } = csrOf('/CN=gw-6');
    const { body } = await post('/v1/enrolments', { gateway: 'gw-6', token, csr });
    const mine = { key, cert: body.certificate! };
    const ask = () => post('/v1/gateways/gw-6/batches', {}, mine);
    expect((await ask()).status).toBe(400);
    expect(gateways('retire', 'gw-6', '--reason', 'the ward has closed').status).toBe(0);
    await until('it refused', 10_000, async () => (await ask()).status === 403);
    expect(await ask()).toMatchObject({
      body: { error: 'retired', message: expect.stringContaining('the ward has closed') },
    });
    expect(listed('gw-6')).toMatchObject({
      state: 'retired',
      detail: expect.stringContaining('the ward has closed'),
    });
    const second = invite('gw-6');
    await until('its old certificate void', 10_000, async () => (await ask()).body.error === 'revoked');
    expect((await post('/v1/enrolments', { gateway: 'gw-6', token: second, csr })).status).toBe(201);
  });

  it('of a former authority is good, and so is one of the new', async () => {
    const token = invite('gw-7');
    const before = csrOf('/CN=gw-7');
    const first = await post('/v1/enrolments', { gateway: 'gw-7', token, csr: before.csr });
    copyFileSync(at('ca/ca.pem'), at('former-ca.pem'));
    expect(coldwatch('relay', 'ca', 'rotate', at('ca')).status).toBe(0);
    expect(await relay.stop()).toBe(0);
    const config = {
      data: at('log'),
      http: { host: '127.0.0.1', port, tls: { cert: at('relay.pem'), key: at('relay.key') } },
      enrol: { ca: at('ca') },
    };
    relay = new Program('relay', config, folder.path);
    const former = { ca: readFileSync(at('former-ca.pem')) };
    await until('the relay', 30_000, () =>
      post('/v1/enrolments', {}, former).then(({ status }) => status === 400),
    );
    const old = { ...former, key: before.key, cert: first.body.certificate! };
    expect((await post('/v1/gateways/gw-7/batches', {}, old)).status).toBe(400);
    const renewed = await post('/v1/gateways/gw-7/certificate', { csr: before.csr }, old);
    expect(renewed.status).toBe(201);
    expect(renewed.body.ca!.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    const fresh = { ...former, key: before.key, cert: renewed.body.certificate! };
    expect((await post('/v1/gateways/gw-7/batches', {}, fresh)).status).toBe(400);
  });
});

describe('coldwatch relay ca', () => {
  it('makes no second authority over a first, rotates none that is not there, and names what is wrong', () => {
    expect(coldwatch('relay', 'ca', 'init', at('ca')).stderr).toMatch(/has an authority already/);
    expect(coldwatch('relay', 'ca', 'rotate', at('nowhere')).stderr).toMatch(/has no authority yet/);
    expect(coldwatch('relay', 'ca', 'server', at('ca'), '--names', 'a b').stderr).toMatch(
      /--names: got "a b"/,
    );
    expect(coldwatch('relay', 'ca', 'server', at('nowhere'), '--names', 'a').stderr).toMatch(
      /coldwatch relay ca init/,
    );
  });
});
