import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect, type MqttClient } from 'mqtt';
import { stringify } from 'yaml';
import type { PtyEnd } from '../world/probes/pty.js';
import { readEmbedded } from '../world/run/read-log.js';

export const GATEWAY = 'boot-1';
/** A relay takes no shorter one. */
export const TOKEN = 'only-for-this-run-0123456789';
/** Where systemd/70-coldwatch.rules names the one USB adapter of test/boot/machine.ts. */
const SERIAL_PORT = '/dev/coldwatch/pci-0000_00_08_0-usb-0_1_1_0';
/** The emulator's host, as the machine sees it. */
const HOST = '10.0.2.2';
export const DWELL_S = 10;
const NUMBERED_TOPIC = 'boot/numbered';

/** An LM75's driver is in every kernel, and needs no more of a bus than the kernel's own stub has. */
const LM75 = {
  model: 'boot/lm75',
  name: 'LM75 through hwmon',
  source: 'Linux driver drivers/hwmon/lm75.c',
  every: '2s',
  protocol: {
    transport: 'kernel',
    subsystem: 'hwmon',
    name: 'lm75',
    values: [{ quantity: 'temperature', unit: 'mCel', file: 'temp1_input' }],
  },
  range: { temperature: [-55, 125] },
};

/** The folder that a technician would have laid on the card. Returns the private key that opens it. */
export function writeSite(folder: string, relayPort: number): string {
  for (const part of ['models/boot', 'credentials', 'ssh', 'network'])
    mkdirSync(`${folder}/${part}`, { recursive: true });
  const warm = { kind: 'threshold', name: 'warm', side: 'above', limit: 8, dwell: `${DWELL_S}s` };
  const site = {
    clinic: { id: 'boot', name: 'Boot', timezone: 'Africa/Nairobi' },
    gateway: GATEWAY,
    data: '/var/lib/coldwatch',
    sensors: [
      { id: 'hwmon', model: 'boot/lm75', source: { kind: 'kernel' }, every: '2s', rules: [warm] },
      {
        id: 'serial',
        model: 'htronic/tsm125',
        source: { kind: 'line', port: SERIAL_PORT },
        every: '2s',
        rules: [warm],
      },
      {
        id: 'numbered',
        source: {
          kind: 'mqtt',
          topic: NUMBERED_TOPIC,
          values: [{ quantity: 'temperature', unit: 'Cel', path: 'temperature' }],
        },
        every: '5s',
        rules: [warm],
      },
    ],
    mqtt: { embedded: { host: '0.0.0.0' } },
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the agent's own way of naming a secret
    relay: { url: `http://${HOST}:${relayPort}`, token: '${credential:relay-token}', link: 'unmetered' },
  };
  writeFileSync(`${folder}/site.yaml`, stringify(site));
  writeFileSync(`${folder}/models/boot/lm75.yaml`, stringify(LM75));
  writeFileSync(`${folder}/credentials/relay-token`, TOKEN);
  writeFileSync(`${folder}/network/timesyncd.conf`, `[Time]\nNTP=${HOST}\n`);
  const key = `${folder}-key`;
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'boot', '-f', key]);
  copyFileSync(`${key}.pub`, `${folder}/ssh/authorized_keys`);
  return key;
}

/** One line a second, as the TSM125 sends it. */
export function speak(line: PtyEnd, temperature: () => number): () => void {
  const timer = setInterval(() => line.write(`${temperature().toFixed(1).padStart(5)}\r\n`), 1000);
  return () => clearInterval(timer);
}

const NUMBER_EVERY_MS = 200;
const WARM = 9;

/** A probe that tells its readings apart: each a thousandth of a degree more, all of them too warm; and what was confirmed. */
export class NumberedProbe {
  readonly confirmed = new Set<number>();
  readonly #client: MqttClient;
  readonly #timer: NodeJS.Timeout;
  #next: number;

  /** `first`: the number that it begins with. */
  constructor(port: number, first: number) {
    this.#next = first;
    this.#client = connect(`mqtt://127.0.0.1:${port}`, {
      reconnectPeriod: 500,
      connectTimeout: 5000,
      clean: false,
      clientId: 'numbered',
    });
    this.#client.on('error', () => {});
    this.#timer = setInterval(() => this.#send(), NUMBER_EVERY_MS);
  }

  get next(): number {
    return this.#next;
  }

  #send(): void {
    // As a real one: what is not there to hear it is not told later.
    if (!this.#client.connected) return;
    const n = this.#next++;
    const payload = JSON.stringify({ temperature: WARM + n / 1000 });
    this.#client.publish(NUMBERED_TOPIC, payload, { qos: 1 }, (error) => {
      if (!error) this.confirmed.add(n);
    });
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#client.endAsync(true);
  }
}

/** Which of a numbered probe's readings the relay's log in that folder has, and how often. */
export function arrived(folder: string): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { message } of readEmbedded(folder)) {
    if (message.sensor !== 'numbered' || message.quantity !== 'temperature') continue;
    const n = Math.round(((message.value as number) - WARM) * 1000);
    counts.set(n, (counts.get(n) ?? 0) + 1);
  }
  return counts;
}
