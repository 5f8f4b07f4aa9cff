import { connectAsync, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PickyRelay, type Verdict } from '../world/faults/picky-relay.js';
import { until } from '../world/run/programs.js';
import { type Service, startMosquitto } from '../world/run/services.js';
import { mqttSensor, World } from '../world/world.js';

const WILD = ['2000000', '1e300', '-3.4e38', '4294967295', '9e15'];
const GOOD = 500;
type Gap = { reason: string; from: number; to: number };

let world: World;
let picky: PickyRelay;
let mosquitto: Service;
let mqtt: MqttClient;
const status = () => world.status();
const log = () => world.records();
const readings = () => world.readings();

beforeEach(async () => {
  mosquitto = await startMosquitto();
  world = await World.start({
    name: 'wild',
    relay: {},
    agent: async ({ relay }) => {
      picky = await new PickyRelay(relay!.url).listen();
      return {
        sensors: ['good', 'wild'].map((id) => mqttSensor(id, `wild/${id}`)),
        mqtt: { url: `mqtt://${mosquitto.address}` },
        relay: { url: picky.url, every: '300ms' },
      };
    },
  });
  mqtt = await connectAsync(`mqtt://${mosquitto.address}`);
  await until('the agent to hear', 20_000, async () => {
    await mqtt.publishAsync('wild/good', '{"t":4}', { qos: 1 });
    return (await status()).ring.readings > 0;
  });
});
afterEach(async () => {
  await mqtt.endAsync(true);
  await mosquitto.stop();
  await world.close();
  await picky.close();
});

/** Good readings that can be told apart, with wild ones of the other sensor between them. */
async function publish(wild: readonly string[]): Promise<void> {
  for (let i = 0; i < GOOD; i++) {
    await mqtt.publishAsync('wild/good', JSON.stringify({ t: 4 + i / 1000 }), { qos: 1 });
    if (i % 100 === 50 && wild[Math.floor(i / 100)] !== undefined) {
      await mqtt.publishAsync('wild/wild', `{"t":${wild[Math.floor(i / 100)]}}`, { qos: 1 });
    }
  }
}

const goodOnes = () =>
  new Set(readings().flatMap(({ message }) => (message.sensor === 'good' ? [message.value] : [])));

describe('one bad row', () => {
  it('of values that no sensor can mean costs no reading of another, and is kept as bad', async () => {
    await publish(WILD);
    await until('all good readings', 30_000, () => goodOnes().size >= GOOD);
    const wild = await until('the wild ones', 30_000, () => {
      const ours = readings().filter(({ message }) => message.sensor === 'wild');
      return ours.length === WILD.length ? ours : undefined;
    });
    expect(wild.map(({ message }) => [message.value, message.quality, message.reason])).toEqual(
      [1e6, 1e6, -1e6, 1e6, 1e6].map((value) => [value, 'bad', 'out_of_range']),
    );
    const shown = (await status()).sensors.find(({ id }) => id === 'wild')!;
    expect([shown.bad, shown.last_problem?.text]).toEqual([
      WILD.length,
      'temperature 9000000000000000 Cel is not believed: out_of_range',
    ]);
  });

  const refusing =
    (bad: readonly number[], answer: { status: number; body: string }): Verdict =>
    ({ stream, from, to }) =>
      stream === 'readings' && bad.some((seq) => from <= seq && seq <= to) ? answer : undefined;

  it.each([
    ['for what it says', { status: 400, body: '{"error":"invalid","problems":[]}' }],
    ['by the log', { status: 422, body: '{"error":"refused","message":"no"}' }],
    ['for its size', { status: 413, body: '<h1>413 Request Entity Too Large</h1>' }],
  ])('that is refused %s is found, named, shown and alarmed; the rest goes on', async (_why, answer) => {
    const bad = [120, 121, 340];
    picky.verdict = refusing(bad, answer);
    await publish([]);
    const head = await until('all to be numbered', 20_000, async () => {
      const { ring } = await status();
      return ring.readings >= GOOD && ring.waiting === 0 ? ring.readings : undefined;
    });
    await until(
      'all others',
      30_000,
      () => new Set(readings().map(({ message }) => message.seq)).size >= head - 3,
    );
    const gaps = await until('the gaps', 20_000, () => {
      const found = log().flatMap(({ message }) => (message.type === 'gap' ? [message.gap as Gap] : []));
      return found.length >= bad.length ? found : undefined;
    });
    expect(gaps.map(({ reason, from, to }) => [reason, from, to])).toEqual(
      bad.map((seq) => ['refused', seq, seq]),
    );
    const { relay: link, open_alerts } = await until('the end of it', 20_000, async () => {
      const now = await status();
      return now.relay.backlog === 0 ? now : undefined;
    });
    expect(link.given_up.rows).toBe(bad.length);
    expect(link.given_up.last.map(({ seq, sensor }) => [seq, sensor])).toEqual(
      bad.map((seq) => [seq, 'good']),
    );
    expect(open_alerts.map(({ alert_type, sensor }) => [alert_type, sensor])).toEqual([
      ['sensor_fault', 'good'],
    ]);
    const alerts = log().filter(({ topic }) => topic === 'alerts');
    expect(alerts).toHaveLength(1);
  });

  it('is looked for as long as something else is taken: a relay that refuses everything costs no row', async () => {
    picky.verdict = ({ stream }) =>
      stream === 'readings' ? { status: 400, body: '{"error":"invalid","problems":[]}' } : undefined;
    await publish([]);
    await until('the refusal to be shown', 20_000, async () => {
      const { relay: link } = await status();
      return link.problem?.includes('refused') && link.backlog >= GOOD;
    });
    // A relay that refuses everything is not asked about each row: some dozens of requests, then one now and again.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect(picky.seen.filter(({ stream }) => stream === 'readings').length).toBeLessThan(60);
    picky.verdict = () => undefined;
    await until('all of it', 30_000, () => goodOnes().size >= GOOD);
    await until('nothing left', 20_000, async () => (await status()).relay.backlog === 0);
    expect((await status()).relay.given_up.rows).toBe(0);
    expect(log().filter(({ message }) => message.type === 'gap')).toEqual([]);
  });
});
