import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultyDisk } from '../world/faults/disk.js';
import { until } from '../world/run/programs.js';
import { type Service, startMosquitto } from '../world/run/services.js';
import { mqttSensor, WARM_AT_ONCE, World } from '../world/world.js';

/* A card that dies under a running agent, beside a broker as its package sets it up: 20 messages unconfirmed at most. */
const START = Date.UTC(2026, 0, 1);
const WINDOW = 20;
/** What the alarm promises, whatever the card does. */
const ALARM_MS = 3500;
/** What is found reaches the relay within this time while the link is up. */
const EVENT_MS = 5000;

let world: World;
let disk: FaultyDisk;
let mosquitto: Service;
let publisher: MqttClient;
let sent: number;

const status = () => world.status();
const alerts = (type: string) => world.alerts(type);
const inputs = () => world.readings().map(({ message }) => (message.measured_at as number) - START);

/** One input of its own time: its number is found again in the log. */
async function publish(sensor: 'a' | 'b', celsius: number): Promise<void> {
  const payload = JSON.stringify({ t: celsius, at: START + sent++ });
  await publisher.publishAsync(`clinic/${sensor}`, payload, { qos: 1 });
}

async function publishMany(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await publish(i % 2 ? 'a' : 'b', 5);
}

const excursion = async () =>
  (await status()).open_alerts.some((alert) => alert.alert_type === 'excursion') || undefined;

async function allOnce(): Promise<void> {
  await until('all inputs in the log', 30_000, () => new Set(inputs()).size === sent);
  expect(inputs().length).toBe(sent);
}

beforeEach(async () => {
  mosquitto = await startMosquitto('');
  publisher = await connectAsync(`mqtt://${mosquitto.address}`);
  sent = 0;
  const sensor = (id: string) => mqttSensor(id, `clinic/${id}`, { dated: true, rules: [WARM_AT_ONCE] });
  world = await World.start({
    name: 'dying-card',
    relay: {},
    link: true,
    later: true,
    agent: ({ folder }) => {
      disk = new FaultyDisk(folder);
      return {
        data: disk.folder,
        sensors: [sensor('a'), sensor('b')],
        mqtt: { url: `mqtt://${mosquitto.address}` },
        ring: { flush: '100ms' },
        relay: { every: '1s', backoff_max: '2s' },
      };
    },
    env: () => disk.env(),
  });
});

/** An agent that hears its broker. */
async function begin(): Promise<void> {
  await world.startAgent();
  await until('its first reading', 20_000, async () => {
    sent = 0;
    await publish('a', 5);
    await new Promise((resolve) => setTimeout(resolve, 300));
    return (await status()).ring.readings > 0;
  });
}
afterEach(async () => {
  await publisher.endAsync(true);
  await world.agent?.kill();
  try {
    execFileSync('umount', [disk.folder], { stdio: 'ignore' });
  } catch {
    // Only one test mounts there.
  }
  await world.close();
  await mosquitto.stop();
});

function fillFolder(): void {
  const filler = openSync(`${disk.folder}/filler`, 'w');
  try {
    for (;;) writeSync(filler, Buffer.alloc(4096));
  } catch {
    closeSync(filler);
  }
}

/** Ways in which a card stops taking commits. */
const DEATHS: Record<string, { prepare?: () => void; fail: () => void; mend: () => void }> = {
  'is full': {
    prepare: () => execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', disk.folder]),
    fail: fillFolder,
    mend: () => rmSync(`${disk.folder}/filler`),
  },
  'gives I/O errors': { fail: () => disk.behave('broken'), mend: () => disk.behave('well') },
  'can be neither written nor read': { fail: () => disk.behave('dead'), mend: () => disk.behave('well') },
  'stands still': { fail: () => disk.behave({ slowMs: 15_000 }), mend: () => disk.behave('well') },
};

describe('a card that dies under a running agent', () => {
  it.each(Object.keys(DEATHS))(
    'and %s: behind many times the broker’s window the alarm comes in time, and all reaches the relay, once',
    async (death) => {
      const { prepare, fail, mend } = DEATHS[death]!;
      prepare?.();
      await begin();
      await until('all on the card', 10_000, async () => (await status()).ring.waiting === 0);
      fail();
      const first = sent;
      await publishMany(WINDOW * 5);
      const heated = Date.now();
      await publish('a', 12);
      await until('the alarm', ALARM_MS, excursion);
      await until(
        'the excursion at the relay',
        heated + EVENT_MS - Date.now(),
        () => alerts('excursion').length,
      );
      await publishMany(WINDOW * 5);
      await until('what is measured meanwhile', 15_000, () => {
        const seen = new Set(inputs());
        return Array.from({ length: sent - first }, (_, i) => first + i).every((n) => seen.has(n));
      });
      expect((await status()).ring.failure).not.toBeNull();
      if (death !== 'stands still') {
        await until('the card’s own alert at the relay', 10_000, () => alerts('storage').length);
      }
      mend();
      await until('the card’s return', 30_000, async () => (await status()).ring.failure === null);
      await until('all on the card', 10_000, async () => (await status()).ring.waiting === 0);
      await publishMany(WINDOW * 2);
      await world.agent!.kill();
      await world.startAgent();
      await publishMany(WINDOW * 2);
      await allOnce();
      expect(alerts('excursion').map(({ message }) => message.state)).toEqual(['raised', 'cleared']);
    },
  );

  it('before it has ever met its relay: what is new arrives at once, the rest once it is mended, all of it once', async () => {
    world.link!.cut();
    await begin();
    await publishMany(30);
    await until('a backlog on the card', 10_000, async () => (await status()).ring.waiting === 0);
    disk.behave('broken');
    await publishMany(30);
    await until('the refusal', 10_000, async () => (await status()).ring.failure);
    world.link!.up();
    const heated = Date.now();
    await publish('a', 12);
    await until(
      'the excursion at the relay',
      heated + EVENT_MS - Date.now(),
      () => alerts('excursion').length,
    );
    disk.behave('well');
    await until('the card’s return', 30_000, async () => (await status()).ring.failure === null);
    await world.agent!.kill();
    await world.startAgent();
    await allOnce();
    expect(alerts('excursion')).toHaveLength(1);
  });

  it('and is killed before the card is back: what it had sent from memory stays, and no number means two rows', async () => {
    await begin();
    world.link!.cut();
    await publishMany(30);
    await until('a backlog on the card', 10_000, async () => (await status()).ring.waiting === 0);
    disk.behave('dead');
    const first = sent;
    await publishMany(60);
    world.link!.up();
    await until('the new at the relay, from memory', 15_000, () => {
      const seen = new Set(inputs());
      return Array.from({ length: 60 }, (_, i) => first + i).every((n) => seen.has(n));
    });
    expect(new Set(inputs()).size).toBeLessThan(sent);
    await world.agent!.kill();
    disk.behave('well');
    world.launchAgent();
    await publishMany(30);
    // Its numbers are taken: it ends, to begin a new ring, and the service manager starts it again; here we do.
    await until('its end', 20_000, () => !world.agent!.running);
    world.launchAgent();
    await allOnce();
  });
});
