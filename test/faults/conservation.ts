import { mkdirSync } from 'node:fs';
import { connectAsync, type MqttClient } from 'mqtt';
import { generator } from '../../core/random.js';
import { FaultyDisk } from '../world/faults/disk.js';
import { FaultyClock } from '../world/faults/faulty-clock.js';
import { FlakyLink } from '../world/faults/proxy.js';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { readEmbedded, type SeenRecord } from '../world/run/read-log.js';
import { type Service, startMosquitto, tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';

/*
 * Conservation: an outside oracle numbers each input; faults run; then it is quiet; then every input that the
 * broker took is in the log exactly once with the value that was sent, or its row is named in a gap.
 */
export interface Outcome {
  seed: number;
  inputs: number;
  found: number;
  lost: number;
  duplicated: number;
  gapped: number;
  unnamed: number;
  wrong: number;
  faults: Record<string, number>;
}

export interface SoakOptions {
  /** Readings a second, over all sensors. */
  rate: number;
  seconds: number;
}

const SENSORS = 4;
/** Mosquitto's window is 20 unconfirmed messages: many more pass only where a full card does not hold them. */
const PAST_WINDOW = 200;
/** The alarm's promise. */
const ALARM_MS = 3500;
const START = Date.UTC(2026, 0, 1);
const STEP_MS = 20;

/** What no sensor can mean, among what sensors mean: each is kept, at the bound of what the wire carries, as bad. */
const WILD = ['2000000', '1e300', '-3.4e38', '4294967295', '9e15'];
const WILD_EACH = 61;
const wildOf = (n: number) => (n % WILD_EACH === 0 ? WILD[(n / WILD_EACH) % WILD.length] : undefined);
const inputText = (n: number) => wildOf(n) ?? String(Math.round(4000 + 1000 * Math.sin(n / 50)) / 1000);
const storedValue = (n: number) => Math.max(-1e6, Math.min(1e6, Number(inputText(n))));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export async function runSeed(seed: number, options: SoakOptions): Promise<Outcome> {
  const world = await World.build(seed);
  try {
    await world.run(options);
    return await world.judge();
  } finally {
    await world.close();
  }
}

class World {
  readonly #random: () => number;
  readonly #seed: number;
  readonly #folder = tempFolder('soak');
  readonly #disk = new FaultyDisk(this.#folder.path);
  readonly #clock = new FaultyClock(this.#folder.path);
  readonly #faults: Record<string, number> = {};
  #mosquitto!: Service;
  #link!: FlakyLink;
  #publisher!: MqttClient;
  #relay!: Program;
  #agent!: Program;
  #relayPort = 0;
  #httpPort = 0;
  #sent = 0;
  #countedFrom = 0;
  /** Messages on their way to the broker, and the broker's return: a broker that restarts owes us neither. */
  #publishing: Promise<unknown> = Promise.resolve();
  #broker: Promise<unknown> = Promise.resolve();

  static async build(seed: number): Promise<World> {
    const world = new World(seed);
    world.#mosquitto = await startMosquitto();
    world.#relayPort = await freePort();
    world.#httpPort = await freePort();
    world.#link = await new FlakyLink('127.0.0.1', world.#relayPort).listen();
    world.#startRelay();
    world.#startAgent();
    await until('the agent', 20_000, () => world.#status());
    await until('its subscriptions', 20_000, async () => (await world.#probe()) || undefined);
    return world;
  }

  private constructor(seed: number) {
    this.#seed = seed;
    this.#random = generator(seed);
  }

  #startRelay(): void {
    const http = { host: '127.0.0.1', port: this.#relayPort };
    this.#relay = new Program('relay', { data: `${this.#folder.path}/relay`, http }, this.#folder.path);
  }

  #site() {
    return {
      clinic: { id: 'c', name: 'Soak' },
      gateway: 'soak',
      data: this.#disk.folder,
      sensors: Array.from({ length: SENSORS }, (_, i) => ({
        id: `s${i}`,
        source: {
          kind: 'mqtt',
          topic: `soak/s${i}`,
          values: [{ quantity: 'temperature', unit: 'Cel', path: 't' }],
          time: { path: 'at', format: 'unix_ms' },
        },
      })),
      mqtt: { url: `mqtt://${this.#mosquitto.address}` },
      // Small, so that an outage wraps it.
      ring: { size_mb: 0.01, flush: '100ms' },
      relay: {
        url: `http://127.0.0.1:${this.#link.port}`,
        every: '200ms',
        batch: 300,
        deadline: '2s',
        backoff_max: '500ms',
      },
      http: { host: '127.0.0.1', port: this.#httpPort },
    };
  }

  #startAgent(): void {
    const [disk, clock] = [this.#disk.env(), this.#clock.env()];
    const env = { ...disk, ...clock, LD_PRELOAD: `${disk.LD_PRELOAD}:${clock.LD_PRELOAD}` };
    this.#agent = new Program('agent', this.#site(), this.#folder.path, env);
  }

  #status = () => getJson<AgentStatus>(`http://127.0.0.1:${this.#httpPort}/api/status`);

  /** One first input, sent until it is heard: from then on the broker keeps a session for the agent. */
  async #probe(): Promise<boolean> {
    this.#publisher ??= await connectAsync(`mqtt://${this.#mosquitto.address}`);
    // What was sent before the agent had subscribed, the broker kept for nobody: it does not count.
    this.#countedFrom = this.#sent;
    await this.#publish();
    await pause(300);
    return (await this.#status()).ring.readings > 0;
  }

  async #publish(): Promise<void> {
    const n = this.#sent++;
    const payload = `{"t":${inputText(n)},"at":${START + n}}`;
    await this.#publisher.publishAsync(`soak/s${n % SENSORS}`, payload, { qos: 1 });
  }

  async run({ rate, seconds }: SoakOptions): Promise<void> {
    const end = performance.now() + seconds * 1000;
    const faults = this.#runFaults(end);
    while (performance.now() < end) {
      await this.#broker;
      this.#publishing = Promise.all(
        Array.from({ length: Math.max(1, Math.round((rate * STEP_MS) / 1000)) }, () => this.#publish()),
      );
      await this.#publishing;
      await pause(STEP_MS);
    }
    await faults;
    this.#link.up();
    this.#disk.behave('well');
  }

  /** Of card, clock and link. */
  #machineFaults(): Record<string, () => Promise<void>> {
    return {
      disk_readonly: () => this.#badDisk('readonly', 500 + this.#random() * 1500),
      disk_slow: () => this.#badDisk({ slowMs: 50 + this.#random() * 400 }, 500 + this.#random() * 1500),
      disk_full: async () => {
        // A fault before this one may have ended the agent: it must be there, and at its broker again.
        await until('the agent whose card fills up', 20_000, this.#status);
        const first = await this.#taken();
        await until('its broker', 20_000, async () => (await this.#taken()) > first);
        const before = await this.#taken();
        const full = this.#badDisk('full', 2000 + this.#random() * 2000);
        const past = until(`${PAST_WINDOW} messages past a full card`, ALARM_MS, async () => {
          return (await this.#taken()) > before + PAST_WINDOW;
        });
        await Promise.all([full, past]);
      },
      clock_step: async () => {
        const years = (this.#random() - 0.5) * 20;
        this.#clock.shift(years * 365 * 86_400_000);
      },
      link_cut: async () => {
        this.#link.cut();
        await pause(500 + this.#random() * 3000);
        this.#link.up();
      },
      link_stall: async () => {
        this.#link.stall();
        await pause(500 + this.#random() * 3000);
        // A stalled connection never comes back: only new ones do.
        this.#link.cut();
        this.#link.up();
      },
    };
  }

  async #runFaults(end: number): Promise<void> {
    const faults: Record<string, () => Promise<void>> = {
      agent_kill: async () => {
        await this.#agent.kill();
        await pause(this.#random() * 800);
        this.#startAgent();
      },
      agent_stop: async () => {
        await this.#agent.stop();
        this.#startAgent();
      },
      second_agent: async () => {
        await until('the agent that has the folder', 20_000, this.#status);
        mkdirSync(`${this.#folder.path}/second`, { recursive: true });
        const http = { host: '127.0.0.1', port: await freePort() };
        const second = new Program('agent', { ...this.#site(), http }, `${this.#folder.path}/second`);
        await until('a second agent to be refused', 20_000, () => !second.running);
      },
      relay_kill: async () => {
        await this.#relay.kill();
        await pause(this.#random() * 1500);
        this.#startRelay();
      },
      power_cut: async () => {
        await this.#agent.kill();
        this.#disk.cutPower(this.#random);
        this.#startAgent();
      },
      broker_restart: async () => {
        this.#broker = (async () => {
          await this.#publishing;
          await this.#mosquitto.halt();
          await this.#mosquitto.restart();
        })();
        await this.#broker;
      },
      ...this.#machineFaults(),
    };
    const names = Object.keys(faults);
    while (performance.now() < end - 1000) {
      await pause(200 + this.#random() * 1200);
      const name = names[Math.floor(this.#random() * names.length)]!;
      this.#faults[name] = (this.#faults[name] ?? 0) + 1;
      await faults[name]!();
    }
  }

  /**
   * A ring that cannot even be opened runs in memory, and what a card refuses is confirmed from memory: a crash then
   * owes nobody anything (storage.test.ts and dying-card.test.ts have that). So nothing else happens meanwhile.
   */
  async #badDisk(how: Parameters<FaultyDisk['behave']>[0], ms: number): Promise<void> {
    await until('the agent to have opened its ring', 20_000, this.#status);
    this.#disk.behave(how);
    await pause(ms);
    this.#disk.behave('well');
    await until('the ring to be well', 60_000, async () => (await this.#status()).ring.failure === null);
  }

  /** Readings that have reached the alarm. */
  async #taken(): Promise<number> {
    return (await this.#status()).sensors.reduce((sum, { good }) => sum + good, 0);
  }

  async judge(): Promise<Outcome> {
    // Quiet: everything runs, and a fresh reading still passes.
    if (!this.#agent.running) this.#startAgent();
    await until('the agent after the faults', 30_000, this.#status);
    await this.#publish();
    const fresh = START + this.#sent - 1;
    const records = () => readEmbedded(`${this.#folder.path}/relay`);
    await until('a fresh reading', 60_000, () =>
      records().some(({ message }) => message.measured_at === fresh),
    );
    await until('the end of the backlog', 60_000, async () => {
      const { ring, relay } = await this.#status();
      return ring.waiting === 0 && relay.connected && relay.backlog === 0;
    });
    return this.#count(records(), (await this.#status()).ring.readings);
  }

  #count(records: SeenRecord[], head: number): Outcome {
    const readings = records.filter(({ topic }) => topic === 'iot.temperature').map(({ message }) => message);
    const inputs = new Map<number, number>();
    const rows = new Map<number, number>();
    let wrong = 0;
    for (const { measured_at, value, seq, quality } of readings as unknown as {
      measured_at: number;
      value: number;
      seq: number;
      quality: string;
    }[]) {
      const n = measured_at - START;
      inputs.set(n, (inputs.get(n) ?? 0) + 1);
      rows.set(seq, (rows.get(seq) ?? 0) + 1);
      if (value !== storedValue(n) || (wildOf(n) !== undefined && quality !== 'bad')) wrong += 1;
    }
    const gaps = records.flatMap(({ message }) =>
      message.type === 'gap' ? [message.gap as { from: number; to: number }] : [],
    );
    const named = new Set(
      gaps.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i)),
    );
    const gapped = [...named].filter((seq) => !rows.has(seq)).length;
    let unnamed = 0;
    for (let seq = 1; seq <= head; seq++) if (!rows.has(seq) && !named.has(seq)) unnamed += 1;
    let missing = 0;
    for (let n = this.#countedFrom; n < this.#sent; n++) if (!inputs.has(n)) missing += 1;
    const twice = [...inputs.values(), ...rows.values()].filter((count) => count > 1).length;
    return {
      seed: this.#seed,
      inputs: this.#sent,
      found: inputs.size,
      lost: Math.max(0, missing - gapped),
      duplicated: twice,
      gapped,
      unnamed,
      wrong,
      faults: this.#faults,
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.#agent.kill(), this.#relay.kill()]);
    await this.#publisher?.endAsync(true);
    await this.#link.close();
    await this.#mosquitto.stop();
    this.#folder.remove();
  }
}

export const isClean = ({ lost, duplicated, unnamed, wrong }: Outcome) =>
  lost + duplicated + unnamed + wrong === 0;
