import { connectAsync, type MqttClient } from 'mqtt';
import { Fridge } from './probes/fridge.js';
import { GpioTree } from './probes/gpio.js';
import { ModbusBus } from './probes/modbus-slave.js';
import { FakeModem } from './probes/modem.js';
import { openPty, type PtyEnd } from './probes/pty.js';
import { W1Tree } from './probes/w1.js';

export const LINES = { mains: 17, buzzer: 18, lamp: 22, button: 23, door: 24 } as const;
export const NURSE = { id: 'nurse', name: 'Amina', phone: '+254700000001' };
export const MANAGER = { id: 'manager', name: 'Joseph', phone: '+254700000002' };

const ROM = '28-0316a2795c3f';
const STEP_MS = 200;

export interface ClinicOptions {
  folder: string;
  /** Simulated seconds in a second. */
  speed: number;
  relayUrl: string;
  httpPort: number;
  mqttPort: number;
  /** How long a fridge may be out of range in this clinic, in real time. */
  dwell: string;
}

/**
 * A simulated clinic: four fridges with probes of four kinds that speak their real protocols, a modem, GPIO lines.
 * Its physics run faster than the wall; the agent that watches it runs in real time.
 */
export class Clinic {
  readonly fridges = {
    'fridge-1': new Fridge({ startC: 4.6 }),
    'fridge-2': new Fridge({ startC: 4.2, tauHours: 14 }),
    'fridge-3': new Fridge({ startC: 5.0, tauHours: 30 }),
    cabinet: new Fridge({ startC: 4.8, tauHours: 40 }),
  };
  readonly gpio: GpioTree;
  readonly modem: FakeModem;
  readonly #options: ClinicOptions;
  readonly #ptys: { modbus: PtyEnd; modem: PtyEnd; line: PtyEnd };
  readonly #w1: W1Tree;
  readonly #bus: ModbusBus;
  #mqtt: MqttClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #steps = 0;
  /** When the buzzer line was last seen high. */
  buzzerAt = 0;

  constructor(options: ClinicOptions) {
    this.#options = options;
    this.#ptys = { modbus: openPty(), modem: openPty(), line: openPty() };
    this.gpio = new GpioTree(`${options.folder}/gpio`, Object.values(LINES));
    this.#w1 = new W1Tree(`${options.folder}/w1`);
    this.#bus = new ModbusBus(this.#ptys.modbus);
    this.modem = new FakeModem(this.#ptys.modem, { echo: true, chatty: true });
    this.setMains(true);
    this.gpio.set(LINES.button, true);
    this.#show();
  }

  #sensors() {
    const { dwell } = this.#options;
    const limits = [
      {
        kind: 'threshold',
        name: 'warm',
        side: 'above',
        limit: 8,
        dwell,
        hysteresis: 0.5,
        reset_on: 'hysteresis',
      },
      {
        kind: 'threshold',
        name: 'cold',
        side: 'below',
        limit: 2,
        dwell,
        hysteresis: 0.5,
        reset_on: 'hysteresis',
      },
    ];
    const sensor = (id: string, name: string, source: object, model?: string) => ({
      id,
      name,
      ...(model ? { model } : {}),
      source,
      every: '1s',
      rules: limits,
    });
    return [
      sensor('fridge-1', 'Fridge 1', { kind: 'w1', rom: ROM }, 'maxim/ds18b20'),
      sensor('fridge-2', 'Fridge 2', { kind: 'modbus', port: this.#ptys.modbus.path, unit: 1 }, 'xy/xy-md02'),
      sensor('fridge-3', 'Fridge 3', { kind: 'mqtt', topic: 'zigbee2mqtt/fridge-3' }, 'aqara/wsdcgq11lm'),
      sensor('cabinet', 'Cabinet', { kind: 'line', port: this.#ptys.line.path }, 'htronic/tsm125'),
    ];
  }

  /** The site file of this clinic: what a technician would have written. */
  siteConfig() {
    const { folder, relayUrl, httpPort, mqttPort } = this.#options;
    return {
      clinic: { id: 'demo-clinic', name: 'Demo clinic', timezone: 'Africa/Nairobi', language: 'en' },
      gateway: 'demo-gateway',
      data: `${folder}/agent`,
      sensors: this.#sensors(),
      contacts: [
        {
          id: 'mains',
          name: 'Mains',
          role: 'mains',
          line: LINES.mains,
          active: 'high',
          every: '5s',
          after: '1s',
        },
        { id: 'door-1', name: 'Door of fridge 1', role: 'door', line: LINES.door, every: '5s', after: '20s' },
      ],
      people: [NURSE, MANAGER],
      lines: {
        buzzer: { line: LINES.buzzer },
        lamp: { line: LINES.lamp },
        acknowledge_button: { line: LINES.button, active: 'low' },
      },
      sms: { port: this.#ptys.modem.path },
      alarm: { group_wait: '1s', steps: [{ to: ['nurse'] }, { to: ['manager'], after: '15m' }] },
      gpio: { root: this.gpio.root, w1_root: this.#w1.root },
      mqtt: { embedded: { port: mqttPort }, listen: ['zigbee2mqtt/#'] },
      relay: { url: relayUrl, every: '1s', backoff_max: '2s' },
      http: { host: '127.0.0.1', port: httpPort },
    };
  }

  /** Time passes from here on. The broker is the agent's own, so the MQTT probe joins when it is there. */
  async start(): Promise<void> {
    this.#mqtt = await connectAsync(`mqtt://127.0.0.1:${this.#options.mqttPort}`);
    this.#timer = setInterval(() => this.#step(), STEP_MS);
  }

  setMains(on: boolean): void {
    this.gpio.set(LINES.mains, on);
    for (const fridge of Object.values(this.fridges)) fridge.mains = on;
  }

  setDoor(open: boolean): void {
    this.gpio.set(LINES.door, open);
    this.fridges['fridge-1'].doorOpen = open;
  }

  #step(): void {
    const hours = (STEP_MS / 1000 / 3600) * this.#options.speed;
    for (const fridge of Object.values(this.fridges)) fridge.advance(hours);
    if (this.gpio.level(LINES.buzzer)) this.buzzerAt = Date.now();
    this.#steps += 1;
    this.#show();
  }

  #show(): void {
    this.#w1.set(ROM, this.fridges['fridge-1'].temperatureC);
    this.#bus.set(1, 1, this.fridges['fridge-2'].temperatureC * 10);
    this.#bus.set(1, 2, 452);
    if (this.#steps % 5 !== 0) return;
    this.#ptys.line.write(`${this.fridges.cabinet.temperatureC.toFixed(1).padStart(5)}\r\n`);
    const payload = {
      battery: 97,
      humidity: 48.5,
      linkquality: 72,
      temperature: Math.round(this.fridges['fridge-3'].temperatureC * 100) / 100,
      voltage: 2995,
    };
    this.#mqtt?.publish('zigbee2mqtt/fridge-3', JSON.stringify(payload), { qos: 1 });
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#mqtt?.endAsync(true);
    await Promise.all(Object.values(this.#ptys).map((pty) => pty.close()));
  }
}
