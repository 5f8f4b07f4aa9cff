import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { Clinic, LINES, NURSE } from '../world/clinic.js';
import { FlakyLink } from '../world/faults/proxy.js';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

let folder: ReturnType<typeof tempFolder>;
let clinic: Clinic;
let httpPort: number;
let link: FlakyLink;
const programs: Program[] = [];
const start = (name: 'agent' | 'relay', config: object) => {
  const program = new Program(name, config, folder.path);
  programs.push(program);
  return program;
};
const status = () => getJson<AgentStatus>(`http://127.0.0.1:${httpPort}/api/status`);

beforeEach(async () => {
  folder = tempFolder('life');
  httpPort = await freePort();
  link = await new FlakyLink('127.0.0.1', 9).listen();
  clinic = new Clinic({
    folder: folder.path,
    speed: 500,
    relayUrl: `http://127.0.0.1:${link.port}`,
    httpPort,
    mqttPort: await freePort(),
    dwell: '1s',
  });
});
afterEach(async () => {
  await Promise.all(
    programs
      .splice(0)
      .filter((p) => p.running)
      .map((p) => p.kill()),
  );
  await clinic.stop();
  await link.close();
  folder.remove();
});

/** All that is known now is durable. */
const onCard = () => until('all on the card', 10_000, async () => (await status()).ring.waiting === 0);

async function excursion(): Promise<void> {
  await until('the agent', 20_000, status);
  await clinic.start();
  clinic.setMains(false);
  await until('an excursion', 60_000, async () => {
    return (await status()).open_alerts.some(
      (alert) => alert.alert_type === 'excursion' && alert.sensor === 'fridge-1',
    );
  });
}

describe('the agent’s life', () => {
  it('ends within five seconds of SIGTERM, also with a deaf modem, a stalled link and a fault on', async () => {
    clinic.modem.faults.deaf = true;
    link.stall();
    const agent = start('agent', clinic.siteConfig());
    await excursion();
    expect(clinic.gpio.level(LINES.buzzer) || clinic.buzzerAt > 0).toBe(true);
    const began = performance.now();
    expect(await agent.stop()).toBe(0);
    expect(performance.now() - began).toBeLessThan(5000);
    expect(clinic.gpio.level(LINES.buzzer), 'no buzzer without an agent to silence it').toBe(false);
  });

  it('remembers after kill -9 what is firing, what was acknowledged and what was not yet sent', async () => {
    clinic.modem.faults.noPrompt = true;
    let agent = start('agent', clinic.siteConfig());
    await excursion();
    await until('its try to text', 20_000, () =>
      clinic.modem.commands.some((command) => command.startsWith('AT+CMGS')),
    );
    await onCard();
    await agent.kill();
    clinic.modem.faults.noPrompt = false;
    clinic.buzzerAt = 0;
    agent = start('agent', clinic.siteConfig());
    await until('the buzzer again', 20_000, () => clinic.buzzerAt > 0);
    const text = await until('the text that was waiting', 40_000, () =>
      clinic.modem.sent.find((s) => s.to === NURSE.phone && s.text.includes('Fridge 1')),
    );
    expect(text.text).toMatch(/Fridge 1 .* Reply ACK \d{4}/);

    // The button is active low: pressed, it pulls the line to ground.
    clinic.gpio.set(LINES.button, false);
    await until('the acknowledgement', 10_000, async () => (await status()).acknowledged.length > 0);
    clinic.gpio.set(LINES.button, true);
    await onCard();
    await agent.kill();
    start('agent', clinic.siteConfig());
    await until('the agent', 20_000, status);
    const after = await status();
    expect(after.acknowledged.length).toBeGreaterThan(0);
    expect(
      after.open_alerts.filter((a) => a.alert_type === 'excursion' && a.sensor === 'fridge-1'),
    ).toHaveLength(1);
  });

  it('speaks systemd’s protocol, and feeds the watchdog only while it samples', async () => {
    const bin = `${folder.path}/bin`;
    mkdirSync(bin);
    writeFileSync(`${bin}/systemd-notify`, `#!/bin/sh\necho "$@" >> ${folder.path}/notify\n`);
    chmodSync(`${bin}/systemd-notify`, 0o755);
    const before = { ...process.env };
    Object.assign(process.env, {
      NOTIFY_SOCKET: '/run/none',
      WATCHDOG_USEC: '900000',
      PATH: `${bin}:${process.env.PATH}`,
    });
    const agent = start('agent', clinic.siteConfig());
    process.env = before;
    const said = () =>
      existsSync(`${folder.path}/notify`)
        ? readFileSync(`${folder.path}/notify`, 'utf8').trim().split('\n')
        : [];
    await until('the watchdog', 20_000, () => said().filter((line) => line === 'WATCHDOG=1').length >= 3);
    expect(said()[0]).toBe('--ready');
    await agent.stop();
    await until('its last word', 5000, () => said().includes('STOPPING=1'));
  });

  it('takes a changed site file while it runs, refuses a bad one, and loses no backlog', async () => {
    const site = clinic.siteConfig();
    const agent = start('agent', site);
    await until('some readings', 20_000, async () => (await status()).ring.readings >= 8);
    await clinic.start();
    const file = `${folder.path}/agent.yaml`;
    const before = await status();

    writeFileSync(file, stringify({ ...site, sensors: [{ ...site.sensors[0], preset: 'no-such-preset' }] }));
    const refused = await until('the refusal', 15_000, async () => {
      const now = await status();
      return now.site_file.problems.length > 0 ? now : undefined;
    });
    expect(refused.site_file.problems[0]).toMatch(
      /agent\.yaml:\d+:\d+ sensors\[0\]\.preset: expected one of/,
    );
    expect(refused.sensors).toHaveLength(before.sensors.length);
    await until(
      'readings all the same',
      10_000,
      async () => (await status()).ring.readings > refused.ring.readings,
    );

    const [first, ...others] = site.sensors;
    writeFileSync(
      file,
      stringify({ ...site, sensors: [{ ...first, id: 'freezer-9', name: 'Freezer' }, ...others] }),
    );
    const taken = await until('the new sensor', 20_000, async () => {
      const now = await status();
      return now.sensors.find((s) => s.id === 'freezer-9' && s.good > 0) ? now : undefined;
    });
    expect(taken.site_file.problems).toEqual([]);
    expect(taken.sensors.map((s) => s.id)).not.toContain('fridge-1');
    expect(taken.ring.epoch).toBe(before.ring.epoch);
    expect(taken.ring.readings).toBeGreaterThan(refused.ring.readings);
    expect(taken.relay.backlog).toBeGreaterThanOrEqual(taken.ring.readings);
    expect(agent.running).toBe(true);
    expect(await agent.stop()).toBe(0);
  });

  it('closes what is open of a sensor that is gone, and says what else a changed file leaves behind', async () => {
    const site = clinic.siteConfig();
    start('agent', site);
    await excursion();
    await until('a text of it', 20_000, () => clinic.modem.sent.some((s) => s.text.includes('above 8 C')));
    const file = `${folder.path}/agent.yaml`;
    const [first, ...others] = site.sensors;
    const renamed = { ...site, sensors: [{ ...first, id: 'freezer-9', name: 'Freezer' }, ...others] };
    writeFileSync(`${folder.path}/next.yaml`, stringify(renamed));
    const checked = spawnSync(process.execPath, [CLI, 'check', `${folder.path}/next.yaml`], {
      encoding: 'utf8',
    });
    expect(checked.stdout).toMatch(/excursion +critical +buzzer sounds +texts Amina at once/);
    expect(checked.stdout).toContain(
      'Note: of what runs now, fridge-1 is not watched any more; what is open of it is closed (excursion).',
    );

    writeFileSync(file, stringify(renamed));
    const taken = await until('the new file', 20_000, async () => {
      const now = await status();
      return now.site_file.left_behind.length > 0 ? now : undefined;
    });
    expect(taken.site_file.left_behind[0]).toContain('fridge-1 is not watched any more');
    expect(taken.open_alerts.map((a) => a.sensor)).not.toContain('fridge-1');
    await until('a text that says so', 20_000, () =>
      clinic.modem.sent.some((s) => s.text.includes('NOT WATCHED any more: Fridge 1')),
    );

    writeFileSync(file, stringify({ ...renamed, data: `${folder.path}/elsewhere` }));
    await until('what stays behind', 20_000, async () =>
      (await status()).site_file.left_behind.some((what) =>
        /^\d+ rows that the relay does not hold .* stay in .*agent/.test(what),
      ),
    );
  });

  it('starts nothing on a bad site file, and says why', async () => {
    const agent = start('agent', { ...clinic.siteConfig(), gateway: 'Not An Id' });
    await until('its end', 10_000, () => !agent.running);
    const log = readFileSync(`${folder.path}/agent.log`, 'utf8');
    expect(log).toMatch(/agent\.yaml:\d+:\d+ gateway: got "Not An Id", expected/);
    expect(existsSync(`${folder.path}/agent/ring.db`)).toBe(false);
  });

  it('keeps phone numbers out of its log', async () => {
    const agent = start('agent', clinic.siteConfig());
    await excursion();
    await until('a text', 20_000, () => clinic.modem.sent.length > 0);
    clinic.modem.receive('+254799999999', 'who is this');
    clinic.modem.receive(NURSE.phone, 'STATUS');
    await until('an answer', 40_000, () => clinic.modem.sent.some((s) => /\d ALARMS?: /.test(s.text)));
    await agent.stop();
    const log = readFileSync(`${folder.path}/agent.log`, 'utf8');
    expect(log).toContain('"person":"nurse"');
    expect(log).not.toMatch(/2547\d{8}/);
  });
});
