import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { connectAsync } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { Clinic, NURSE } from '../world/clinic.js';
import { GpioTree } from '../world/probes/gpio.js';
import { ModbusBus } from '../world/probes/modbus-slave.js';
import { openPty } from '../world/probes/pty.js';
import { W1Tree } from '../world/probes/w1.js';
import { freePort, Program, until } from '../world/run/programs.js';
import { startMosquitto, tempFolder } from '../world/run/services.js';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

interface Run {
  status: number;
  out: string;
  err: string;
}

function coldwatch(...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...args], { timeout: 110_000 }, (error, out, err) => {
      resolve({ status: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, err });
    });
  });
}

/** Until it has said this, then SIGINT, as a technician presses Ctrl-C. */
function coldwatchUntil(said: RegExp, ...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [CLI, ...args], { timeout: 60_000 }, (error, out, err) => {
      resolve({ status: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, err });
    });
    let out = '';
    child.stdout!.on('data', (text: string) => {
      out += text;
      if (said.test(out)) child.kill('SIGINT');
    });
  });
}

let folder: ReturnType<typeof tempFolder>;
beforeEach(() => {
  folder = tempFolder('technician');
});
afterEach(() => folder.remove());

describe('doctor', () => {
  let clinic: Clinic;
  let site: string;
  let mqttPort: number;
  beforeEach(async () => {
    mqttPort = await freePort();
    clinic = new Clinic({
      folder: folder.path,
      speed: 60,
      relayUrl: 'http://127.0.0.1:9',
      httpPort: await freePort(),
      mqttPort,
      dwell: '10m',
    });
    site = `${folder.path}/site.yaml`;
    writeFileSync(site, stringify(clinic.siteConfig()));
  });
  afterEach(() => clinic.stop());

  it('reads every sensor, tries lines and modem, and says what to do about the rest', async () => {
    const run = coldwatch('doctor', '--config', site, '--wait', '20s', '--sms', 'nurse');
    await until('the broker of the agent', 20_000, () => clinic.start().then(() => true));
    const { status, out } = await run;
    for (const line of [
      /PASS {2}clock: \d{4}-/,
      /PASS {2}disk: \d+ MB free/,
      /FAIL {2}relay: 127\.0\.0\.1:9: .*kept here until it answers/,
      /PASS {2}Fridge 1: 4\.\d+ °C/,
      /PASS {2}Fridge 2: 4\.\d+ °C, 45\.2 % RH/,
      /PASS {2}Fridge 3: [45]\.\d+ °C/,
      /PASS {2}Cabinet: 4\.\d+ °C/,
      /PASS {2}Mains: there/,
      /PASS {2}Door of fridge 1: closed/,
      /PASS {2}buzzer: it beeped/,
      /PASS {2}lamp: it blinked/,
      /PASS {2}acknowledge button: open/,
      /PASS {2}SMS modem: registered, signal \d+ of 31/,
      /PASS {2}text to Amina: the network took it/,
      /1 of \d+ need a hand\./,
    ]) {
      expect(out).toMatch(line);
    }
    expect(status).toBe(1);
    expect(clinic.modem.sent).toEqual([
      expect.objectContaining({ to: NURSE.phone, text: 'COLDWATCH Demo clinic: test text. No alarm.' }),
    ]);
    expect(clinic.buzzerAt).toBeGreaterThan(0);
  });

  it('asks a running agent instead of taking its ports, and names the probe that is gone', async () => {
    const config = clinic.siteConfig();
    const agent = new Program('agent', config, folder.path);
    const broken = { ...config, sensors: config.sensors.map((s) => ({ ...s })) };
    writeFileSync(site, stringify(broken));
    try {
      await until('the agent', 20_000, () => clinic.start().then(() => true));
      const { checks } = await until('a reading of each', 30_000, async () => {
        const { out } = await coldwatch('doctor', '--config', site, '--json');
        const report = JSON.parse(out) as { checks: { what: string; result: string; detail: string }[] };
        return report.checks.filter((c) => c.result === 'pass').length >= 6 ? report : undefined;
      });
      const of = (what: string) => checks.find((c) => c.what === what);
      expect(of('Fridge 1')).toMatchObject({ result: 'pass', detail: expect.stringMatching(/^\d\.\d+ °C/) });
      const table = /sensor +reads +age +lowest to highest\n(.*\n)*Fridge 1 +\d\.\d+ °C +\d+ s +\d/;
      const live = await coldwatchUntil(table, 'doctor', '--config', site, '--watch');
      expect([live.status, live.out]).toEqual([0, expect.stringMatching(table)]);
      expect(of('SMS modem')).toMatchObject({
        result: 'skipped',
        detail: expect.stringMatching(/stop the agent first/),
      });
    } finally {
      await agent.kill();
    }
  });
});

it('doctor waits for a sensor that reports seldom instead of failing it', async () => {
  const mosquitto = await startMosquitto();
  const site = `${folder.path}/site.yaml`;
  const sensor = (id: string, every: string) => ({
    id,
    model: 'aqara/wsdcgq11lm',
    every,
    rules: [],
    source: { kind: 'mqtt', topic: `zigbee2mqtt/${id}` },
  });
  writeFileSync(
    site,
    stringify({
      clinic: { id: 'c', name: 'C', timezone: 'UTC' },
      gateway: 'g',
      data: `${folder.path}/data`,
      http: { port: await freePort() },
      mqtt: { url: `mqtt://${mosquitto.address}` },
      sensors: [sensor('seldom', '60m'), sensor('often', '1s')],
    }),
  );
  try {
    const { out, status } = await coldwatch('doctor', '--config', site, '--wait', '2s', '--quiet');
    expect(out).toMatch(/WAIT {2}seldom: not heard yet, it reports each 60 min/);
    expect(out).toMatch(/FAIL {2}often: nothing came in 2 s/);
    expect(status).toBe(1);
  } finally {
    await mosquitto.stop();
  }
});

/** What devices leave at a broker. */
async function retain(broker: string): Promise<void> {
  const publisher = await connectAsync(`mqtt://${broker}`);
  const retained = { qos: 1, retain: true } as const;
  const aqara = { battery: 97, humidity: 58.5, linkquality: 72, temperature: 5.4, voltage: 2995 };
  await publisher.publishAsync('zigbee2mqtt/pharmacy/fridge', JSON.stringify(aqara), retained);
  await publisher.publishAsync('zigbee2mqtt/bridge/state', '{"state":"online"}', retained);
  await publisher.publishAsync(
    'tele/board/SENSOR',
    '{"Time":"2019-01-01T00:00:00","DS18B20-1":{"Id":"000003287CD8","Temperature":6.3},"DS18B20-2":{"Id":"000003287CD9","Temperature":5.1},"TempUnit":"C"}',
    retained,
  );
  await publisher.endAsync();
}

describe('discover', () => {
  it('finds what is plugged in and heard, and drafts a site file that passes check', async () => {
    const root = `${folder.path}/root`;
    const w1 = new W1Tree(`${root}/sys/bus/w1/devices`);
    w1.set('28-0316a2795c3f', 4.5);
    w1.set('28-0000000000aa', 0, 'empty');
    mkdirSync(`${root}/sys/class/hwmon/hwmon3`, { recursive: true });
    writeFileSync(`${root}/sys/class/hwmon/hwmon3/name`, 'sht3x\n');
    writeFileSync(`${root}/sys/class/hwmon/hwmon3/temp1_input`, '23125\n');
    new GpioTree(`${root}/sys/class/gpio`, []);
    const pty = openPty();
    mkdirSync(`${root}/dev/serial/by-path`, { recursive: true });
    symlinkSync(pty.path, `${root}/dev/serial/by-path/usb-0:1.2:1.0-port0`);
    const bus = new ModbusBus(pty);
    bus.set(3, 1, 45);
    bus.set(3, 2, 560);
    const mosquitto = await startMosquitto();
    try {
      await retain(mosquitto.address);
      const port = `${root}/dev/serial/by-path/usb-0:1.2:1.0-port0`;
      const args = [
        '--root',
        root,
        '--port',
        port,
        '--units',
        '3',
        '--mqtt',
        `mqtt://${mosquitto.address}`,
        '--seconds',
        '2',
      ];
      const { status, out } = await coldwatch('discover', ...args);
      expect(status).toBe(0);
      const draft = parse(out) as {
        sensors: { id: string; model: string; source: Record<string, unknown> }[];
      };
      const by = (text: string) => draft.sensors.find((s) => JSON.stringify(s.source).includes(text));
      expect(by('28-0316a2795c3f')!.model).toBe('maxim/ds18b20');
      expect(by('kernel')!.model).toBe('sensirion/sht3x');
      expect(by('"unit":3')).toMatchObject({ model: 'xy/xy-md02', source: { kind: 'modbus', port } });
      expect(by('pharmacy/fridge')!.model).toMatch(/aqara|sonoff|tuya/);
      expect(by('000003287CD9')).toMatchObject({ model: 'tasmota/ds18b20' });
      expect(draft.sensors).toHaveLength(7);
      expect(out).toContain('reads DS18B20-2 5.1 °C');
      expect(out).toContain('pinctrl-bcm2711, 58 lines');
      expect(out).toContain('usb-0:1.2:1.0-port0');
      expect(out).toContain('# people:');
      writeFileSync(`${folder.path}/draft.yaml`, out);
      const checked = await coldwatch('check', `${folder.path}/draft.yaml`);
      expect(checked.err.match(/name: warning: got "TO BE NAMED"/g)).toHaveLength(7);
      expect(checked.status).toBe(0);
      // What stands behind "#" is a good file, too, once somebody has completed it.
      const completed = out
        .replace(/[\s\S]*take away its "#"\./, '')
        .replace(/^# ?/gm, '')
        .replace(/\nSerial ports[\s\S]*/, '')
        .replace('/dev/serial/by-path/... }', '/dev/ttyUSB7 }');
      writeFileSync(`${folder.path}/completed.yaml`, `${out}\n${completed}`);
      const whole = await coldwatch('check', `${folder.path}/completed.yaml`);
      expect(whole.status, whole.err).toBe(0);
    } finally {
      await mosquitto.stop();
      await pty.close();
    }
  });

  it('finds nothing without falling over, and refuses what makes no sense', async () => {
    const { status, out } = await coldwatch('discover', '--root', folder.path);
    expect([status, out]).toEqual([0, expect.stringContaining('nothing was found')]);
    expect((await coldwatch('discover', '--units', '0-999')).status).toBe(2);
    expect(await coldwatch('discover', '--root', `${folder.path}/none`)).toMatchObject({
      status: 2,
      err: expect.stringMatching(/--root: got .*none, expected a folder/),
    });
    expect(await coldwatch('discover', '--mqtt', 'localhost')).toMatchObject({
      status: 2,
      err: expect.stringMatching(/--mqtt: got localhost, expected such as mqtt:\/\/localhost:1883/),
    });
    const port = `${folder.path}/ttyUSB9`;
    const unplugged = await coldwatch('discover', '--root', folder.path, '--port', port);
    expect(unplugged).toMatchObject({
      status: 1,
      err: expect.stringMatching(/ttyUSB9: No such file or directory/),
    });
    const dead = await coldwatch(
      'discover',
      '--root',
      folder.path,
      '--mqtt',
      'mqtt://127.0.0.1:9',
      '--seconds',
      '1',
    );
    expect([dead.status, dead.err]).toEqual([1, expect.stringMatching(/mqtt:\/\/127\.0\.0\.1:9: /)]);
  });
});
