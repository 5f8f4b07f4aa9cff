import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { Clinic, NURSE } from '../world/clinic.js';
import { FaultyDisk } from '../world/faults/disk.js';
import { freePort, until } from '../world/run/programs.js';
import { occurrences } from '../world/run/read-log.js';
import { World } from '../world/world.js';

/** Two probes give a reading each second, and contacts have their turn each five. */
const LONGER_THAN_A_TURN = 12;

type Site = ReturnType<Clinic['siteConfig']>;

let world: World;
let clinic: Clinic;
let data: string;
let disk: FaultyDisk;
const status = () => world.status();
const log = () => world.records();

/** The clinic on a disk that can fail; the test starts its agent. */
async function settle(change: (site: Site) => object = (site) => site): Promise<void> {
  const mqttPort = await freePort();
  world = await World.start({
    name: 'storage',
    relay: {},
    link: true,
    later: true,
    agent: ({ folder, url, httpPort }) => {
      disk = new FaultyDisk(folder);
      data = disk.folder;
      clinic = new Clinic({ folder, speed: 500, relayUrl: url!, httpPort, mqttPort, dwell: '2s' });
      return change({ ...clinic.siteConfig(), data });
    },
    env: () => disk.env(),
  });
}

afterEach(async () => {
  await world.agent?.kill();
  await clinic.stop();
  try {
    execFileSync('umount', [data], { stdio: 'ignore' });
  } catch {
    // Only one test mounts there.
  }
  await world.close();
});

async function settled(epochs: Map<string, number>): Promise<void> {
  await until('all rows in the log', 60_000, () => {
    const counts = occurrences(log());
    for (const [epoch, through] of epochs) {
      for (let seq = 1; seq <= through; seq++)
        if (!counts.has(`demo-gateway/${epoch}/readings/${seq}`)) return false;
    }
    return true;
  });
  expect([...occurrences(log())].filter(([, count]) => count > 1)).toEqual([]);
}

const alerts = (type: string) => world.alerts(type).map(({ message }) => message.state);

/** Ways in which a card fails, each with what ends it. */
const FAILURES: Record<string, () => { fail(): void; mend(): void }> = {
  'is full': () => {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', data], { stdio: 'pipe' });
    } catch (error) {
      throw new Error('this test mounts a small file system and needs root', { cause: error });
    }
    return {
      fail: () => {
        const filler = openSync(`${data}/filler`, 'w');
        try {
          for (;;) writeSync(filler, Buffer.alloc(4096));
        } catch {
          closeSync(filler);
        }
      },
      mend: () => rmSync(`${data}/filler`),
    };
  },
  'has become read-only': () => ({ fail: () => disk.behave('readonly'), mend: () => disk.behave('well') }),
  'gives I/O errors': () => ({ fail: () => disk.behave('broken'), mend: () => disk.behave('well') }),
};

describe('when the card fails', () => {
  it.each(Object.keys(FAILURES))(
    'and %s: the alarm sounds, the fault is texted, readings wait in memory, and all arrive once it is mended',
    async (failure) => {
      await settle();
      const { fail, mend } = FAILURES[failure]!();
      await world.startAgent();
      await clinic.start();
      await until('readings', 20_000, async () => (await status()).ring.readings > 10);
      fail();
      await until('the ring’s failure', 30_000, async () => (await status()).ring.failure !== null);
      clinic.setMains(false);
      await until('an excursion all the same', 60_000, async () => {
        const { open_alerts } = await status();
        return (
          open_alerts.some((a) => a.alert_type === 'excursion') &&
          open_alerts.some((a) => a.alert_type === 'storage')
        );
      });
      await until('the buzzer', 5000, () => clinic.buzzerAt > 0);
      await until('a text about the card', 20_000, () =>
        clinic.modem.sent.some((s) => s.to === NURSE.phone && s.text.includes('storage is failing')),
      );
      const waiting = (await status()).ring.waiting;
      expect(waiting).toBeGreaterThan(10);
      mend();
      await until('the ring’s return', 30_000, async () => {
        const { ring, open_alerts } = await status();
        return (
          ring.failure === null && ring.waiting < 10 && open_alerts.every((a) => a.alert_type !== 'storage')
        );
      });
      const { ring } = await status();
      await settled(new Map([[ring.epoch, ring.readings]]));
      await until('the end of the storage alert', 20_000, () => alerts('storage').includes('cleared'));
      expect(alerts('storage')).toEqual(['raised', 'cleared']);
      expect(alerts('excursion')[0]).toBe('raised');
    },
  );

  it('and each sync takes 2 s: sampling keeps its cadence, the alarm its latency, and nothing is lost', async () => {
    const atOnce = { kind: 'threshold', name: 'hot', side: 'above', limit: 12, dwell: '0s' };
    await settle((site) => ({
      ...site,
      sensors: site.sensors.map((sensor) => ({ ...sensor, rules: [atOnce] })),
    }));
    await world.startAgent();
    await clinic.start();
    await until('readings', 20_000, async () => (await status()).ring.readings > 10);
    disk.behave({ slowMs: 2000 });
    // A dozen readings of each on the slow disk: time itself is what is tested.
    await new Promise((resolve) => setTimeout(resolve, 12_000));
    expect((await status()).ring.lastCommitMs).toBeGreaterThan(1900);
    const heated = Date.now();
    clinic.fridges['fridge-1'].temperatureC = 18;
    await until('the buzzer', 10_000, () => clinic.buzzerAt >= heated);
    // A second until the probe is read, and some tenths until this clinic looks at its buzzer.
    expect(clinic.buzzerAt - heated).toBeLessThan(1800);
    disk.behave('well');
    await until('the ring’s return', 30_000, async () => (await status()).ring.waiting < 10);
    const { ring } = await status();
    await settled(new Map([[ring.epoch, ring.readings]]));
    for (const sensor of ['fridge-1', 'fridge-2']) {
      const times = log()
        .filter(({ message }) => message.sensor === sensor && message.quantity === 'temperature')
        .map(({ message }) => message.measured_at as number)
        .sort((a, b) => a - b);
      const steps = times.slice(1).map((at, i) => at - times[i]!);
      expect(steps.length).toBeGreaterThan(12);
      expect(Math.max(...steps), `${sensor}, read each second`).toBeLessThan(1500);
    }
  });

  it('a damaged file: the backlog that can be read arrives under its own epoch, once', async () => {
    await settle();
    world.link!.cut();
    await world.startAgent();
    await clinic.start();
    await until('a backlog', 60_000, async () => (await status()).ring.readings > 60);
    const before = (await status()).ring;
    await world.agent!.kill();
    // What a running agent leaves when it meets a page that it cannot read (which pages can be, damage.test.ts shows).
    writeFileSync(`${data}/ring.db.damaged`, '');
    world.link!.up();
    world.launchAgent();
    await until('the agent on a new ring', 20_000, async () => (await status()).ring.epoch !== before.epoch);
    await until('the storage alert', 20_000, () => alerts('storage').includes('raised'));
    await until('the end of the salvage', 60_000, () =>
      readdirSync(data).every((name) => !name.startsWith('salvage-')),
    );
    await settled(new Map([[before.epoch, before.readings]]));
  });

  it('no card at all: the fridges are guarded from memory, and what is measured is forwarded', async () => {
    await settle((site) => ({ ...site, data: `${site.data}/not-a-folder` }));
    writeFileSync(`${data}/not-a-folder`, '');
    await world.startAgent();
    await clinic.start();
    clinic.setMains(false);
    await until('an excursion, and the card’s', 60_000, async () => {
      const { open_alerts } = await status();
      return (
        open_alerts.some((a) => a.alert_type === 'excursion') &&
        open_alerts.some((a) => a.alert_type === 'storage')
      );
    });
    await until('the buzzer', 5000, () => clinic.buzzerAt > 0);
    await until(
      'both at the relay',
      20_000,
      () => alerts('storage').length > 0 && alerts('excursion').length > 0,
    );
  });

  it('unusable at the start and back later: what was measured meanwhile moves to the card, and arrives once', async () => {
    await settle();
    disk.behave('readonly');
    world.link!.cut();
    await world.startAgent();
    await clinic.start();
    await until('readings in memory', 20_000, async () => (await status()).ring.readings > 20);
    const inMemory = (await status()).ring;
    disk.behave('well');
    // The service manager starts it again; here we do.
    await until('the end of the run in memory', 30_000, () => !world.agent!.running);
    world.link!.up();
    world.launchAgent();
    await until('a ring on the card', 20_000, async () => (await status()).ring.epoch !== inMemory.epoch);
    // The end may arrive before the beginning, which is salvaged.
    await until('the storage alert', 30_000, () => alerts('storage').length === 2);
    expect(alerts('storage').sort()).toEqual(['cleared', 'raised']);
    await settled(new Map([[inMemory.epoch, inMemory.readings]]));
  });

  it('a missing GPIO header and a port that is taken stop neither sampling nor texts, and invent no contact', async () => {
    await settle((site) => ({ ...site, gpio: { ...site.gpio, root: `${site.data}/none` } }));
    const server = createServer().listen(world.httpPort, '127.0.0.1');
    const agent = world.launchAgent();
    const atRelay = () => world.readings().length;
    await until('readings at the relay', 30_000, atRelay);
    const before = atRelay();
    await until('the contacts’ second turn', 30_000, () => atRelay() > before + LONGER_THAN_A_TURN);
    expect(agent.running).toBe(true);
    expect(log().filter(({ message }) => message.quantity === 'contact')).toEqual([]);
    expect(world.alerts('mains_lost')).toEqual([]);
    server.close();
  });
});
