import { mkdirSync } from 'node:fs';
import { getJson, until } from '../world/run/programs.js';
import { startRelay, type TestRelay } from '../world/run/relay.js';
import { tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';
import { GATEWAY, NumberedProbe, speak, TOKEN, writeSite } from './clinic.js';
import { Card, Machine } from './machine.js';
import { startTimeServer } from './time-server.js';

const FOUND_MS = 180_000;

/** A gateway's card in a machine, its relay, a time server, and a probe on its serial line. */
export class World {
  readonly folder: string;
  readonly card: Card;
  readonly machine: Machine;
  readonly relay: TestRelay;
  /** °C that the serial probe tells. */
  serial = 5.1;
  readonly #remove: () => void;
  readonly #time: { close(): void };
  #quiet = () => {};
  #numbered: NumberedProbe | undefined;

  private constructor(parts: {
    folder: string;
    remove: () => void;
    card: Card;
    machine: Machine;
    relay: TestRelay;
    time: { close(): void };
  }) {
    this.folder = parts.folder;
    this.card = parts.card;
    this.machine = parts.machine;
    this.relay = parts.relay;
    this.#remove = parts.remove;
    this.#time = parts.time;
  }

  static async build(image: string, cardMb: number): Promise<World> {
    const { path: folder, remove } = tempFolder('boot');
    const time = await startTimeServer();
    const relay = await startRelay(`${folder}/cloud`, { tokens: { [GATEWAY]: TOKEN } });
    const site = `${folder}/site`;
    mkdirSync(site);
    const key = writeSite(site, relay.port);
    const card = new Card(image, `${folder}/card.img`, cardMb);
    await card.console();
    await card.write(site, '/coldwatch');
    const machine = await Machine.of(`${folder}/machine`, card, key);
    return new World({ folder, remove, card, machine, relay, time });
  }

  get logFolder(): string {
    return `${this.folder}/cloud/relay`;
  }

  /** Power on, and its serial probe talks. Returns how long it took until somebody could log in, in ms. */
  async powerOn(): Promise<number> {
    const began = Date.now();
    this.machine.start();
    await this.plugIn();
    await this.machine.booted();
    return Date.now() - began;
  }

  async plugIn(): Promise<void> {
    const line = await this.machine.probe();
    const quiet = speak(line, () => this.serial);
    this.#quiet = () => {
      quiet();
      void line.close();
    };
  }

  /** A probe whose numbers go on after those of the one before. */
  numbered(): NumberedProbe {
    this.#numbered = new NumberedProbe(this.machine.ports.mqtt, this.#numbered?.next ?? 0);
    return this.#numbered;
  }

  async pullPlug(): Promise<void> {
    this.#quiet();
    await this.machine.kill();
  }

  async status(): Promise<AgentStatus> {
    return getJson<AgentStatus>(`http://127.0.0.1:${this.machine.ports.http}/api/status`);
  }

  /** Until a good reading of that sensor in the agent's status has this value. */
  async reading(sensor: string, value: number): Promise<void> {
    await until(`${sensor} to read ${value}`, FOUND_MS, async () => {
      const found = (await this.status()).sensors.find(({ id }) => id === sensor);
      const last = found?.last.temperature;
      if (last?.value === value && last.quality !== 'bad') return true;
      throw new Error(`last ${JSON.stringify(last)}, problem ${JSON.stringify(found?.last_problem)}`);
    });
  }

  async close(keep: boolean): Promise<void> {
    await this.pullPlug();
    await this.relay.program.stop();
    this.#time.close();
    if (keep) console.log(`the card, the console and the relay's log are in ${this.folder}`);
    else this.#remove();
  }
}
