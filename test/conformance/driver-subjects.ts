import { renameSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { HungFile } from '../world/faults/hung-file.js';
import { FlakyLink } from '../world/faults/proxy.js';
import { GpioTree } from '../world/probes/gpio.js';
import { KernelDevice } from '../world/probes/kernel-tree.js';
import { ModbusBus, type ModbusFault, ModbusTcp } from '../world/probes/modbus-slave.js';
import { MqttDevice } from '../world/probes/mqtt-device.js';
import { openSocatPty, type PtyEnd } from '../world/probes/pty.js';
import { W1Tree, w1Text } from '../world/probes/w1.js';
import { freePort, until } from '../world/run/programs.js';
import { startMosquitto } from '../world/run/services.js';
import { PROBE } from './driver-bench.js';

/** A device of one kind, at the edge of bytes and files, and what can go wrong with it. */
export interface Subject {
  /** What the site file says of it. */
  site: { sensors?: object[]; [part: string]: unknown };
  /** What it can measure, each told from the others. */
  values: readonly [number, number, number];
  /** It measures this from now on. What speaks unasked says so again and again. */
  show(value: number): void | Promise<void>;
  unplug(): void | Promise<void>;
  plug(): void | Promise<void>;
  /** Each makes it say something that is no measurement, once or until the next `show`. */
  garbage: readonly (() => void | Promise<void>)[];
  /** It neither answers nor closes. Absent where that cannot be, for the reason in `neverHangs`. */
  hang?(): void | Promise<void>;
  resume?(): void | Promise<void>;
  neverHangs?: string;
  /** What is said of each; absent where a device that speaks unasked just falls silent, which the alarm times. */
  says: { unplugged?: RegExp; garbage: RegExp; hung?: RegExp };
  close(): void | Promise<void>;
}

const EVERY = '200ms';
/** Between two lines, or messages, of a device that speaks unasked. */
const TALK_MS = 150;
const CELSIUS = [4.5, 6.5, 7.5] as const;
const ROM = '28-0000000000aa';

export const SUBJECTS: Record<string, (folder: string) => Promise<Subject>> = {
  '1-wire': w1,
  hwmon: (folder) => kernel(folder, 'hwmon'),
  iio: (folder) => kernel(folder, 'iio'),
  'Modbus RTU': modbusRtu,
  'Modbus/TCP': modbusTcp,
  'serial lines, unasked': (folder) => line(folder, 'talker'),
  'serial lines, asked': (folder) => line(folder, 'asked'),
  'MQTT, the clinic’s broker': mqttBroker,
  'MQTT, our own broker': mqttOwn,
  contacts,
};

async function w1(folder: string): Promise<Subject> {
  const tree = new W1Tree(`${folder}/w1`);
  const file = `${tree.root}/${ROM}/w1_slave`;
  let celsius: number = CELSIUS[0];
  let hung: HungFile | undefined;
  const put = () => tree.set(ROM, celsius);
  put();
  return {
    site: {
      sensors: [{ id: PROBE, model: 'maxim/ds18b20', source: { kind: 'w1', rom: ROM }, every: EVERY }],
    },
    values: CELSIUS,
    show: (value) => {
      celsius = value;
      put();
    },
    unplug: () => tree.set(ROM, celsius, 'absent'),
    plug: put,
    garbage: [
      ...(['empty', 'crc', 'zeros', 'power_on'] as const).map((fault) => () => tree.set(ROM, celsius, fault)),
      () => writeFileSync(file, w1Text(celsius).slice(0, 40)),
      () => writeFileSync(file, Buffer.from([0xff, 0x00, 0x80, 0x0a])),
    ],
    hang: () => {
      hung = new HungFile(file);
    },
    resume: () => {
      put();
      hung?.release();
    },
    says: {
      unplugged: /28-0000000000aa is not on the 1-wire bus/,
      garbage: /did not answer|checksum|shorted|power_on_value|not a w1_slave/,
      hung: /no answer within 5 s/,
    },
    close: () => {},
  };
}

async function kernel(folder: string, subsystem: 'iio' | 'hwmon'): Promise<Subject> {
  const [name, model, file] =
    subsystem === 'iio' ? ['dht11', 'aosong/dht22', 'in_temp_input'] : ['tmp117', 'ti/tmp117', 'temp1_input'];
  const device = new KernelDevice(`${folder}/sys`, subsystem, name);
  let celsius: number = CELSIUS[0];
  let hung: HungFile | undefined;
  const put = () => device.set(file, `${celsius * 1000}\n`);
  put();
  return {
    site: {
      sensors: [{ id: PROBE, model, source: { kind: 'kernel' }, every: EVERY }],
      gpio: { kernel_root: `${folder}/sys` },
    },
    values: CELSIUS,
    show: (value) => {
      celsius = value;
      put();
    },
    unplug: () => device.unplug(),
    plug: () => {
      device.plug();
      put();
    },
    garbage: ['', 'banana\n', '4500\n4500\n', '\x00\xff'].map((text) => () => device.set(file, text)),
    hang: () => {
      hung = new HungFile(device.path(file));
    },
    resume: () => {
      put();
      hung?.release();
    },
    says: {
      unplugged: new RegExp(`no ${name} in`),
      garbage: /expected a whole number/,
      hung: /no answer within 3 s/,
    },
    close: () => {},
  };
}

const UNIT = 1;
/** Of an XY-MD02: temperature, and humidity beside it. */
function measure(bus: ModbusBus | ModbusTcp, celsius: number): void {
  bus.set(UNIT, 1, celsius * 10);
  bus.set(UNIT, 2, celsius * 10);
}
const xyMd02 = (port: string) => [
  { id: PROBE, model: 'xy/xy-md02', source: { kind: 'modbus', port, unit: UNIT }, every: EVERY },
];

async function modbusRtu(folder: string): Promise<Subject> {
  let pty = await openSocatPty(folder, 'modbus');
  let bus = new ModbusBus(pty);
  let celsius: number = CELSIUS[0];
  const fault = (kind: ModbusFault) => () => void bus.faults.set(UNIT, kind);
  measure(bus, celsius);
  return {
    site: { sensors: xyMd02(pty.path) },
    values: CELSIUS,
    show: (value) => {
      celsius = value;
      measure(bus, value);
      bus.faults.delete(UNIT);
    },
    unplug: () => pty.close(),
    plug: async () => {
      pty = await openSocatPty(folder, 'modbus');
      bus = new ModbusBus(pty);
      measure(bus, celsius);
    },
    garbage: [fault('crc'), fault('exception'), fault('garbage')],
    hang: fault('silent'),
    resume: () => void bus.faults.delete(UNIT),
    says: {
      unplugged: /modbus/,
      garbage: /CRC|exception 2|does not answer|length/i,
      hung: /does not answer/,
    },
    close: () => pty.close(),
  };
}

async function modbusTcp(): Promise<Subject> {
  const port = await freePort();
  let device = new ModbusTcp();
  let celsius: number = CELSIUS[0];
  const fault = (kind: ModbusFault) => () => void device.faults.set(UNIT, kind);
  measure(device, celsius);
  await device.listen(port);
  return {
    site: { sensors: xyMd02(`tcp://127.0.0.1:${port}`) },
    values: CELSIUS,
    show: (value) => {
      celsius = value;
      measure(device, value);
      device.faults.delete(UNIT);
    },
    unplug: () => device.close(),
    plug: async () => {
      device = new ModbusTcp();
      measure(device, celsius);
      await device.listen(port);
    },
    garbage: [fault('exception'), fault('garbage')],
    hang: fault('silent'),
    resume: () => void device.faults.delete(UNIT),
    says: {
      unplugged: /Modbus\/TCP at tcp:/,
      garbage: /exception 2|does not answer|length/i,
      hung: /does not answer/,
    },
    close: () => device.close(),
  };
}

/** A probe that says a line each moment, or says one for each request. */
async function line(folder: string, manner: 'talker' | 'asked'): Promise<Subject> {
  const asked = manner === 'asked';
  let celsius: number = CELSIUS[0];
  let quiet = false;
  let says: (() => string | Buffer) | undefined;
  let pty: PtyEnd;
  const text = () =>
    asked ? `Temp-Inner:${celsius.toFixed(2)} [C]<` : `${celsius.toFixed(1).padStart(5)}\r\n`;
  const talk = () => {
    if (!quiet) pty.write((says ?? text)());
  };
  const open = async () => {
    pty = await openSocatPty(folder, 'line');
    if (asked) pty.onData((bytes) => bytes.toString('latin1').includes('ReadTemp') && talk());
    else pty.onData(() => {});
  };
  await open();
  const timer = asked ? undefined : setInterval(() => talk(), TALK_MS);
  const garbage = (of: () => string | Buffer) => () => {
    says = of;
  };
  const end = asked ? '<' : '\r\n';
  return {
    site: {
      sensors: [
        {
          id: PROBE,
          model: asked ? 'pcsensor/temperx232' : 'htronic/tsm125',
          source: { kind: 'line', port: `${folder}/line` },
          every: EVERY,
        },
      ],
    },
    values: CELSIUS,
    show: (value) => {
      celsius = value;
      says = undefined;
    },
    unplug: async () => {
      quiet = true;
      await pty.close();
    },
    plug: async () => {
      await open();
      quiet = false;
    },
    garbage: [
      garbage(() => `${'x'.repeat(5000)}${end}`),
      garbage(() => Buffer.concat([Buffer.from([0x00, 0xff, 0xfe]), Buffer.from(end)])),
      garbage(() => `Err.1${end}`),
    ],
    hang: () => {
      quiet = true;
    },
    resume: () => {
      quiet = false;
    },
    says: { unplugged: /serial port .*line/, garbage: /not a line of this probe|broken|noise/ },
    close: async () => {
      clearInterval(timer);
      await pty.close();
    },
  };
}

const TOPIC = 'clinic/fridge';
const mqttSensors = [
  {
    id: PROBE,
    source: {
      kind: 'mqtt',
      topic: TOPIC,
      values: [{ quantity: 'temperature', unit: 'Cel', path: 't' }],
    },
  },
];
const NONSENSE = ['', '{"t":', '{"t":"warm"}', '[1,2]', 'null', Buffer.from([0xff, 0x00, 0x80])];

/** Mosquitto; what goes wrong is between it and the agent. */
async function mqttBroker(): Promise<Subject> {
  const mosquitto = await startMosquitto();
  const link = await new FlakyLink('127.0.0.1', mosquitto.port).listen();
  const device = new MqttDevice(mosquitto.port, TOPIC, CELSIUS[0]);
  await device.join();
  const back = () => {
    // A stalled connection never comes back: only new ones do.
    link.cut();
    link.up();
  };
  return {
    site: { sensors: mqttSensors, mqtt: { url: `mqtt://127.0.0.1:${link.port}` } },
    values: CELSIUS,
    show: (value) => {
      device.celsius = value;
    },
    unplug: () => link.cut(),
    plug: back,
    garbage: NONSENSE.map((payload) => () => device.say(payload)),
    hang: () => link.stall(),
    resume: back,
    says: { garbage: /not JSON|expected|none of t is in/ },
    close: async () => {
      await device.leave();
      await link.close();
      await mosquitto.stop();
    },
  };
}

/** The broker inside the agent; what goes wrong is a device of it. */
async function mqttOwn(): Promise<Subject> {
  const port = await freePort();
  const device = new MqttDevice(port, TOPIC, CELSIUS[0]);
  const sockets: Socket[] = [];
  const raw = (bytes: Buffer) => {
    const socket = connectTcp(port, '127.0.0.1').on('error', () => {});
    socket.write(bytes);
    sockets.push(socket);
  };
  let joined = false;
  return {
    site: { sensors: mqttSensors, mqtt: { embedded: { port } } },
    values: CELSIUS,
    show: async (value) => {
      device.celsius = value;
      if (!joined) await until('our broker', 10_000, () => device.join().then(() => true));
      joined = true;
    },
    unplug: () => device.leave(),
    plug: () => device.join(),
    garbage: [
      ...NONSENSE.map((payload) => () => device.say(payload)),
      () => {
        raw(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
        device.say('{');
      },
    ],
    // Half a CONNECT, and never the rest of it.
    hang: () => raw(Buffer.from([0x10, 0x20, 0x00, 0x04])),
    resume: () => {},
    says: { garbage: /not JSON|expected|none of t is in/ },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await device.leave();
    },
  };
}

const LINE = 24;

async function contacts(folder: string): Promise<Subject> {
  const tree = new GpioTree(`${folder}/gpio`, [LINE]);
  const away = `${folder}/gpio-away`;
  let open = false;
  const put = () => tree.set(LINE, open);
  return {
    site: {
      contacts: [{ id: PROBE, role: 'door', line: LINE, every: EVERY }],
      gpio: { root: tree.root },
    },
    values: [0, 1, 0],
    show: (value) => {
      open = value === 1;
      put();
    },
    // Whoever has the line open finds nothing in it; whoever opens it finds no line.
    unplug: () => {
      tree.spoil(LINE, '');
      renameSync(tree.root, away);
    },
    plug: () => {
      renameSync(away, tree.root);
      put();
    },
    garbage: ['', 'x\n', '\x00'].map((text) => () => tree.spoil(LINE, text)),
    neverHangs: 'the kernel answers at once',
    says: { unplugged: /GPIO line 24/, garbage: /GPIO line 24/ },
    close: () => {},
  };
}
