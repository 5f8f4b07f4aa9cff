import { readFileSync } from 'node:fs';
import { FlakyLink } from './faults/proxy.js';
import { W1Tree } from './probes/w1.js';
import { freePort, getJson, Program, until } from './run/programs.js';
import { readEmbedded, type SeenRecord } from './run/read-log.js';
import { type RelayOptions, startRelay, type TestRelay } from './run/relay.js';
import { tempFolder } from './run/services.js';
import type { AgentStatus } from './run/views.js';

/** A probe that is there from the start, at 5 °C. */
export const ROM = '28-0000000000ff';
const START_C = 5;
const START_MS = 30_000;

export interface WorldOptions {
  /** Of its folder, for who looks after a failure. */
  name: string;
  /** The relay's settings; absent: there is none. */
  relay?: RelayOptions;
  /** Between agent and relay, a link that can be cut, stall and be slow. */
  link?: boolean;
  /** What the agent's site file says beyond the usual, asked for once all else is up; absent: no agent. */
  agent?: (world: World) => object | Promise<object>;
  /** The test starts the agent. */
  later?: boolean;
  /** Of the agent's process: a faulty disk or clock. */
  env?: (world: World) => Record<string, string>;
}

type Site = object & { relay?: object };

/** One gateway, one relay and the link between them, as programs in a folder of their own. */
export class World {
  readonly folder: string;
  readonly w1: W1Tree;
  readonly httpPort: number;
  relay: TestRelay | undefined;
  link: FlakyLink | undefined;
  agent: Program | undefined;
  readonly #options: WorldOptions;
  readonly #removeFolder: () => void;
  #site: object | undefined;

  /** Resolves once the agent, where there is one, answers. */
  static async start(options: WorldOptions): Promise<World> {
    const world = new World(options, await freePort());
    try {
      if (options.relay) world.relay = await startRelay(world.folder, options.relay);
      if (options.link) world.link = await new FlakyLink('127.0.0.1', world.relay?.port ?? 9).listen();
      if (options.agent) world.#site = world.#siteFile((await options.agent(world)) as Site);
      if (options.agent && !options.later) await world.startAgent();
    } catch (error) {
      await world.close();
      throw error;
    }
    return world;
  }

  private constructor(options: WorldOptions, httpPort: number) {
    const { path, remove } = tempFolder(options.name);
    this.#options = options;
    this.#removeFolder = remove;
    this.folder = path;
    this.httpPort = httpPort;
    this.w1 = new W1Tree(`${path}/w1`);
    this.w1.set(ROM, START_C);
  }

  /** Where the agent sends: the link, or the relay itself. */
  get url(): string | undefined {
    return this.link ? `http://127.0.0.1:${this.link.port}` : this.relay?.url;
  }

  /** Starts the agent, or starts it again with the same site file. */
  async startAgent(): Promise<Program> {
    const agent = this.launchAgent();
    await until('the agent', START_MS, () => this.status());
    return agent;
  }

  /** Starts the agent and does not wait until it answers. */
  launchAgent(): Program {
    if (!this.#site) throw new Error('this world was made without an agent');
    this.agent = new Program('agent', this.#site, this.folder, this.#options.env?.(this));
    return this.agent;
  }

  #siteFile({ relay, ...own }: Site): object {
    return {
      clinic: { id: 'c', name: 'Clinic' },
      gateway: 'gw',
      data: `${this.folder}/agent`,
      gpio: { w1_root: this.w1.root },
      ring: { flush: '50ms' },
      http: { host: '127.0.0.1', port: this.httpPort },
      ...own,
      ...(relay || this.url ? { relay: { url: this.url, ...relay } } : {}),
    };
  }

  /** The agent's own page. */
  status(): Promise<AgentStatus> {
    return getJson<AgentStatus>(`http://127.0.0.1:${this.httpPort}/api/status`);
  }

  /** All that is in the relay's embedded log, by the order of each topic. */
  records(): SeenRecord[] {
    return readEmbedded(`${this.folder}/relay`);
  }

  readings(): SeenRecord[] {
    return this.records().filter(({ topic }) => topic === 'iot.temperature');
  }

  /** Of a type, in the relay's log. */
  alerts(type: string): SeenRecord[] {
    return this.records().filter(({ topic, message }) => topic === 'alerts' && message.alert_type === type);
  }

  /** What a program has said. */
  log(program: 'agent' | 'relay'): string {
    return readFileSync(`${this.folder}/${program}.log`, 'utf8');
  }

  async close(): Promise<void> {
    await Promise.all([this.agent?.kill(), this.relay?.program.kill()]);
    await this.link?.close();
    this.#removeFolder();
  }
}

/** A sensor on the world's own probe. */
export const w1Sensor = (id: string, more: object = {}) => ({
  id,
  model: 'maxim/ds18b20',
  source: { kind: 'w1', rom: ROM },
  every: '1s',
  ...more,
});

/** Sensors behind a broker whose payloads are `{"t": CELSIUS}`, with `dated` also `"at": UNIX_MS`. */
export const mqttSensor = (
  id: string,
  topic: string,
  { dated = false, ...more }: { dated?: boolean; rules?: object[] } = {},
) => ({
  id,
  source: {
    kind: 'mqtt',
    topic,
    values: [{ quantity: 'temperature', unit: 'Cel', path: 't' }],
    ...(dated ? { time: { path: 'at', format: 'unix_ms' } } : {}),
  },
  ...more,
});

/** An alarm with the first reading that is warmer. */
export const WARM_AT_ONCE = { kind: 'threshold', name: 'warm', side: 'above', limit: 8, dwell: '0s' };
