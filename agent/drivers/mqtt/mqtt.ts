import type { Logger } from 'pino';
import type { Clock } from '../../../core/clock/clock.js';
import { MqttSession, type SessionOptions } from '../../../host/mqtt/session.js';
import type { Driver, DriverSink } from '../driver.js';
import { type Place, pick } from '../pick.js';
import { decodeMqtt } from './decode.js';
import { type EmbeddedBroker, type Published, startBroker } from './embedded-broker.js';
import { Overhearing } from './overhear.js';
import { type ReceiptStore, Receipts, sharedReceipt } from './receipts.js';
import type { MqttConfig, MqttModel } from './schema.js';
import { AliasBook, rebirthRequest, sparkplugTopic, sparkplugTopics } from './sparkplug.js';

export interface MqttSensor {
  sensor: string;
  topic: string;
  model: MqttModel;
  /** Several sensors may share a topic: each takes its own part of a payload. */
  place: Place;
}

/** What the ring does for messages that must be confirmed. */
export interface DurableStore extends ReceiptStore {
  whenKept(fn: () => void): void;
  /** What was appended last should not wait long. */
  hurry(): void;
}

/** A node is asked no more often to tell its names again. */
const REBIRTH_MS = 60_000;
/** Bytes of a message of no sensor that are shown. */
const UNKNOWN_SHOWN = 200;

export interface MqttDeps {
  store: DurableStore;
  clock: Clock;
  log: Logger;
}

/** Sensors behind an MQTT broker: the clinic's own, or one inside the agent where the site names none. */
export class MqttDriver implements Driver {
  readonly name = 'MQTT';
  readonly probes = [];
  readonly #config: MqttConfig;
  readonly #session: { clientId: string; clean: boolean };
  readonly #deps: MqttDeps;
  readonly #byTopic = new Map<string, MqttSensor[]>();
  readonly #aliases = new AliasBook();
  readonly #rebirths = new Map<string, number>();
  readonly #receipts: Receipts;
  #broker: EmbeddedBroker | undefined;
  #joined: MqttSession | undefined;
  #overhearing: Overhearing | undefined;

  constructor(
    config: MqttConfig,
    session: { clientId: string; clean: boolean },
    sensors: readonly MqttSensor[],
    deps: MqttDeps,
  ) {
    this.#config = config;
    this.#session = session;
    this.#deps = deps;
    this.#receipts = new Receipts(deps.store);
    for (const sensor of sensors) {
      const topics = sensor.model.payload === 'sparkplug' ? sparkplugTopics(sensor.topic) : [sensor.topic];
      for (const topic of topics) this.#byTopic.set(topic, [...(this.#byTopic.get(topic) ?? []), sensor]);
    }
  }

  async start(sink: DriverSink): Promise<void> {
    const { url, username, password, listen, embedded } = this.#config;
    if (url === undefined) {
      const onPublished = (message: Published, kept: () => void) => this.#published(sink, message, kept);
      this.#broker = await startBroker(embedded.host, embedded.port, onPublished, this.#deps.log);
    }
    const options = { ...this.#session, url: url ?? this.#broker!.url, username, password };
    if (!this.#broker) this.#join(sink, options);
    if (listen.length > 0) this.#overhear(sink, options);
  }

  async stop(): Promise<void> {
    await this.#overhearing?.stop();
    await this.#joined?.stop();
    await this.#broker?.stop();
    this.#overhearing = undefined;
    this.#joined = undefined;
    this.#broker = undefined;
  }

  #join(sink: DriverSink, options: SessionOptions): void {
    const topics = [...this.#byTopic.keys()];
    this.#joined = new MqttSession(options, {
      topics,
      // A broker may remember filters of an earlier site file, or version: what they cover would come twice.
      stale: this.#config.listen.filter((topic) => !this.#byTopic.has(topic)),
      named: { topics: topics.length },
      log: this.#deps.log,
      onMessage: ({ retain, ...message }, confirm) => this.#hear(sink, message, retain, confirm),
    });
  }

  #overhear(sink: DriverSink, options: SessionOptions): void {
    this.#overhearing = new Overhearing({
      session: { ...options, clientId: `${options.clientId}-listen` },
      topics: this.#config.listen,
      clock: this.#deps.clock,
      log: this.#deps.log,
      onHeard: (topic, payload, retained) => {
        // Retained messages of bridges (their own state, device lists) are no sensor's.
        if (this.#byTopic.has(topic) || retained) return;
        sink.unknown(`mqtt ${topic}`, payload.subarray(0, UNKNOWN_SHOWN).toString('utf8'));
      },
    });
  }

  /** A device waits for its confirmation: its message does not wait long for company. */
  #published(sink: DriverSink, message: Published, kept: () => void): void {
    if (message.qos === 0) kept();
    this.#hear(sink, message, false, kept);
    if (message.qos > 0) this.#deps.store.hurry();
  }

  #hear(
    sink: DriverSink,
    { topic, payload, id, qos, dup }: Published,
    retained: boolean,
    confirm: () => void,
  ): void {
    const heard = this.#byTopic.get(topic);
    if (qos === 0) return heard && this.#take(sink, heard, topic, payload, retained);
    if (!heard) return confirm();
    if (this.#receipts.repeated(id, dup, topic, payload)) return this.#deps.store.whenKept(confirm);
    this.#take(sink, heard, topic, payload, retained, confirm);
  }

  #take(
    sink: DriverSink,
    heard: readonly MqttSensor[],
    topic: string,
    payload: Buffer,
    retained: boolean,
    confirm?: () => void,
  ): void {
    const receipt = confirm && sharedReceipt(heard.length, confirm);
    for (const { sensor, model, place } of heard) {
      const decoded = decodeMqtt(model, payload, topic, this.#aliases);
      if (decoded.unnamed) this.#askRebirth(topic);
      sink.payload(sensor, { ...pick(decoded, place), retained }, receipt);
    }
  }

  /** The names were told before we came. */
  #askRebirth(topic: string): void {
    const { clock } = this.#deps;
    const of = sparkplugTopic(topic);
    const now = clock.mono();
    if (!of || now < (this.#rebirths.get(`${of.group}/${of.node}`) ?? 0)) return;
    this.#rebirths.set(`${of.group}/${of.node}`, now + REBIRTH_MS);
    const [command, request] = [`spBv1.0/${of.group}/NCMD/${of.node}`, rebirthRequest(clock.wall())];
    (this.#broker ?? this.#joined)?.publish(command, request);
  }
}
