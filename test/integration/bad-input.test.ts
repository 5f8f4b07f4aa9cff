import { gzipSync } from 'node:zlib';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LINES } from '../world/clinic.js';
import { GpioTree } from '../world/probes/gpio.js';
import { ModbusBus } from '../world/probes/modbus-slave.js';
import { openSocatPty, type PtyEnd } from '../world/probes/pty.js';
import { W1Tree } from '../world/probes/w1.js';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { startRelay } from '../world/run/relay.js';
import { need, type Service, startMosquitto, tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';

const ROMS = { a: '28-000000000001', b: '28-000000000002' };

describe('an agent among broken sensors', () => {
  const folder = tempFolder('bad');
  let mosquitto: Service;
  let bus: ModbusBus;
  const ptys: PtyEnd[] = [];
  let w1: W1Tree;
  let mqtt: MqttClient;
  let agent: Program;
  let httpPort: number;

  const status = () => getJson<AgentStatus>(`http://127.0.0.1:${httpPort}/api/status`);
  const sensor = async (id: string) => (await status()).sensors.find((s) => s.id === id)!;

  beforeAll(async () => {
    need('socat', 'apt-get install socat');
    mosquitto = await startMosquitto();
    const [modbus, line] = [
      await openSocatPty(folder.path, 'modbus'),
      await openSocatPty(folder.path, 'line'),
    ];
    ptys.push(modbus, line);
    bus = new ModbusBus(modbus);
    for (const unit of [1, 2]) {
      bus.set(unit, 1, 45);
      bus.set(unit, 2, 500);
    }
    w1 = new W1Tree(`${folder.path}/w1`);
    w1.set(ROMS.a, 4.5);
    w1.set(ROMS.b, 4.5);
    const gpio = new GpioTree(`${folder.path}/gpio`, Object.values(LINES));
    httpPort = await freePort();
    const every = '300ms';
    agent = new Program(
      'agent',
      {
        clinic: { id: 'c', name: 'Clinic' },
        gateway: 'gw',
        data: `${folder.path}/data`,
        sensors: [
          { id: 'w1-a', model: 'maxim/ds18b20', source: { kind: 'w1', rom: ROMS.a }, every },
          { id: 'w1-b', model: 'maxim/ds18b20', source: { kind: 'w1', rom: ROMS.b }, every },
          { id: 'rtu-1', model: 'xy/xy-md02', source: { kind: 'modbus', port: modbus.path, unit: 1 }, every },
          { id: 'rtu-2', model: 'xy/xy-md02', source: { kind: 'modbus', port: modbus.path, unit: 2 }, every },
          { id: 'line-1', model: 'htronic/tsm125', source: { kind: 'line', port: line.path }, every },
          { id: 'zig-1', model: 'aqara/wsdcgq11lm', source: { kind: 'mqtt', topic: 'zigbee2mqtt/zig-1' } },
          {
            id: 'gone',
            model: 'htronic/tsm125',
            source: { kind: 'line', port: `${folder.path}/no-such-port` },
          },
        ],
        gpio: { root: gpio.root, w1_root: w1.root },
        mqtt: { url: `mqtt://${mosquitto.address}`, listen: ['zigbee2mqtt/#'] },
        // Nothing listens there: a relay that is down delays nothing.
        relay: { url: `http://127.0.0.1:${await freePort()}` },
        http: { host: '127.0.0.1', port: httpPort },
      },
      folder.path,
    );
    await until('the agent', 20_000, status);
    mqtt = await connectAsync(`mqtt://${mosquitto.address}`);
    await until('first readings', 20_000, async () => {
      const { sensors } = await status();
      return ['w1-a', 'w1-b', 'rtu-1', 'rtu-2'].every((id) => sensors.find((s) => s.id === id)!.good > 0);
    });
  });

  afterAll(async () => {
    await mqtt?.endAsync(true);
    expect(agent.running).toBe(true);
    expect(await agent.stop()).toBe(0);
    await Promise.all([...ptys.map((pty) => pty.close()), mosquitto?.stop()]);
    folder.remove();
  });

  /** After `spoil`, the sensor shows the problem and no new good reading, while its neighbour goes on. */
  async function spoils(id: string, neighbour: string, spoil: () => unknown, problem: RegExp): Promise<void> {
    await spoil();
    await until(`${id}: ${problem}`, 15_000, async () =>
      problem.test((await sensor(id)).last_problem?.text ?? ''),
    );
    const [before, other] = [await sensor(id), await sensor(neighbour)];
    await until(`${neighbour} goes on`, 15_000, async () => (await sensor(neighbour)).good >= other.good + 2);
    expect((await sensor(id)).good).toBeLessThanOrEqual(before.good + 1);
  }

  it.each([
    ['empty', /did not answer/],
    ['crc', /checksum/],
    ['zeros', /zero/],
    ['power_on', /power_on_value/],
    ['absent', /not on the 1-wire bus/],
  ] as const)('a 1-wire probe that gives %s', async (fault, problem) => {
    await spoils('w1-a', 'w1-b', () => w1.set(ROMS.a, 4.5, fault), problem);
    w1.set(ROMS.a, 4.5);
  });

  it.each([
    ['silent', /does not answer/],
    ['crc', /CRC/i],
    ['exception', /no such register/],
    ['garbage', /does not answer|CRC|length/i],
  ] as const)('a Modbus unit that is %s', async (fault, problem) => {
    await spoils('rtu-1', 'rtu-2', () => bus.faults.set(1, fault), problem);
    bus.faults.delete(1);
    const { good } = await sensor('rtu-1');
    // A unit that failed is asked less and less often: the longer this took, the longer it takes.
    await until('unit 1 comes back', 60_000, async () => (await sensor('rtu-1')).good > good);
  });

  it('a serial probe that reports its own fault, then noise, then values', async () => {
    const line = ptys[1]!;
    line.write('Err.1\r\n');
    await until('its fault', 10_000, async () =>
      (await sensor('line-1')).last_problem?.text.includes('broken'),
    );
    line.write(`${'x'.repeat(5000)}\r\n\x00\xff\xfe\r\n`);
    await until('the noise', 10_000, async () =>
      (await sensor('line-1')).last_problem?.text.includes('not a line'),
    );
    line.write('  4.5\r\n');
    await until('a value', 10_000, async () => (await sensor('line-1')).last.temperature?.value === 4.5);
    expect((await sensor('line-1')).good).toBe(1);
  });

  it('a port that is not there is named, and tried again', async () => {
    expect((await sensor('gone')).last_problem!.text).toMatch(/no-such-port/);
  });

  it.each([
    ['half a JSON', '{"temperature":', /not JSON/],
    ['a bad frame', '{"temperature":-100,"humidity":654.36}', /sentinel/],
    ['the sentinel of a dead bridge', '{"temperature":-127}', /out_of_range/],
    [
      'two megabytes',
      `{"temperature":4.5,"pad":"${'x'.repeat(2 * 1024 * 1024)}"}`,
      /bytes, expected at most/,
    ],
    ['binary', Buffer.from([0xff, 0x00, 0x80]), /not JSON/],
  ])('an MQTT sensor that sends %s', async (_what, payload, problem) => {
    const before = await sensor('zig-1');
    await mqtt.publishAsync('zigbee2mqtt/zig-1', payload, { qos: 1 });
    await until(String(problem), 10_000, async () =>
      problem.test((await sensor('zig-1')).last_problem?.text ?? ''),
    );
    expect((await sensor('zig-1')).good).toBe(before.good);
    await mqtt.publishAsync('zigbee2mqtt/zig-1', '{"temperature":4.5}', { qos: 1 });
    await until('the next good value', 10_000, async () => (await sensor('zig-1')).good === before.good + 1);
  });

  it('topics of nobody are counted and shown', async () => {
    for (let i = 0; i < 3; i++)
      await mqtt.publishAsync('zigbee2mqtt/stranger', '{"temperature":7}', { qos: 1 });
    await until('the stranger', 10_000, async () => {
      return (await status()).unknown_sources.some(
        (s) => s.source === 'mqtt zigbee2mqtt/stranger' && s.count === 3,
      );
    });
  });
});

describe('a relay among broken gateways', () => {
  const folder = tempFolder('bad-relay');
  const TOKEN = 'a-token-of-sixteen-or-more';
  let relay: Program;
  let url: string;

  const good = {
    v: 1,
    clinic: 'c',
    gateway: 'gw',
    epoch: '00112233aabbccdd',
    stream: 'readings',
    from: 1,
    to: 2,
    backfill: false,
    channels: [['fridge', 'temperature']],
    t0: 1_770_000_000_000,
    c: [0, 0],
    t: [0, 60_000],
    m: [4500, 62],
    q: [],
    e: [],
  };
  const post = async (body: string | Buffer, headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}/v1/gateways/gw/batches`, {
      method: 'POST',
      body: body as never,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}`, ...headers },
    });
    return { status: response.status, text: await response.text() };
  };
  const held = async () => {
    const response = await fetch(`${url}/v1/gateways/gw/progress`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    return ((await response.json()) as { streams: unknown[] }).streams;
  };

  beforeAll(async () => {
    ({ program: relay, url } = await startRelay(folder.path, { tokens: { gw: TOKEN } }));
  });
  afterAll(async () => {
    expect(relay.running).toBe(true);
    expect(await relay.stop()).toBe(0);
    folder.remove();
  });

  it.each([
    [
      'a bad field, named with its path',
      JSON.stringify({ ...good, m: [4500, 'x'] }),
      {},
      400,
      /"path":"m\[1\]"/,
    ],
    ['another gateway’s batch', JSON.stringify({ ...good, gateway: 'other' }), {}, 400, /"path":"gateway"/],
    ['no JSON', '{"v":1', {}, 400, /expected JSON/],
    ['a body over the bound', Buffer.alloc(1_100_000, 32), {}, 413, /large/i],
    ['a bomb', gzipSync(Buffer.alloc(200_000_000, 32)), { 'content-encoding': 'gzip' }, 413, /unpacked/],
    [
      'a torn stream',
      gzipSync(JSON.stringify(good)).subarray(0, 60),
      { 'content-encoding': 'gzip' },
      400,
      /damaged gzip/,
    ],
    ['an unknown coding', JSON.stringify(good), { 'content-encoding': 'zstd' }, 415, /expected br or gzip/],
    ['a wrong token', JSON.stringify(good), { authorization: 'Bearer wrong' }, 401, /token/],
  ])('refuses %s, and keeps nothing of it', async (_what, body, headers, status, text) => {
    const answer = await post(body, headers);
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(text);
    expect(await held()).toEqual([]);
  });

  it('takes a good one after all that', async () => {
    expect(await post(JSON.stringify(good))).toMatchObject({ status: 200 });
    expect(await held()).toEqual([{ epoch: good.epoch, stream: 'readings', held: [[1, 2]] }]);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/coldwatch_relay_rows_total 2/);
    expect(metrics).toMatch(/coldwatch_relay_batches_refused_total [1-9]/);
  });
});
