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

/** Sensors behind an MQTT broker: the clinic's own, or one inside the agent where the site names none. */
export function openMqtt(
  config: MqttConfig,
  session: { clientId: string; clean: boolean },
  sensors: readonly MqttSensor[],
  store: DurableStore,
  clock: Clock,
  log: Logger,
): Driver & { connected(): boolean } {
  const byTopic = new Map<string, MqttSensor[]>();
  for (const sensor of sensors) {
    const topics = sensor.model.payload === 'sparkplug' ? sparkplugTopics(sensor.topic) : [sensor.topic];
    for (const topic of topics) byTopic.set(topic, [...(byTopic.get(topic) ?? []), sensor]);
  }
  const aliases = new AliasBook();
  const rebirths = new Map<string, number>();
  const receipts = new Receipts(store);
  let broker: EmbeddedBroker | undefined;
  let joined: MqttSession | undefined;
  let overhearing: Overhearing | undefined;

  /** A device waits for its confirmation: its message does not wait long for company. */
  function onPublished(sink: DriverSink, message: Published, kept: () => void): void {
    if (message.qos === 0) kept();
    hear(sink, message, false, kept);
    if (message.qos > 0) store.hurry();
  }

  function hear(
    sink: DriverSink,
    { topic, payload, id, qos, dup }: Published,
    retained: boolean,
    confirm: () => void,
  ): void {
    const heard = byTopic.get(topic);
    if (qos === 0) return heard && take(sink, heard, topic, payload, retained);
    if (!heard) return confirm();
    if (receipts.repeated(id, dup, topic, payload)) return store.whenKept(confirm);
    take(sink, heard, topic, payload, retained, confirm);
  }

  function take(
    sink: DriverSink,
    heard: readonly MqttSensor[],
    topic: string,
    payload: Buffer,
    retained: boolean,
    confirm?: () => void,
  ): void {
    const receipt = confirm && sharedReceipt(heard.length, confirm);
    for (const { sensor, model, place } of heard) {
      const decoded = decodeMqtt(model, payload, topic, aliases);
      if (decoded.unnamed) askRebirth(topic);
      sink.payload(sensor, { ...pick(decoded, place), retained }, receipt);
    }
  }

  /** The names were told before we came. */
  function askRebirth(topic: string): void {
    const of = sparkplugTopic(topic);
    const now = clock.mono();
    if (!of || now < (rebirths.get(`${of.group}/${of.node}`) ?? 0)) return;
    rebirths.set(`${of.group}/${of.node}`, now + REBIRTH_MS);
    const [command, request] = [`spBv1.0/${of.group}/NCMD/${of.node}`, rebirthRequest(clock.wall())];
    (broker ?? joined)?.publish(command, request);
  }

  async function start(sink: DriverSink): Promise<void> {
    const { host, port } = config.embedded;
    if (config.url === undefined)
      broker = await startBroker(host, port, (message, kept) => onPublished(sink, message, kept), log);
    const url = config.url ?? broker!.url;
    const options = { ...session, url, username: config.username, password: config.password };
    if (!broker) join(sink, options);
    if (config.listen.length > 0) overhearing = overhear(sink, options);
  }

  function join(sink: DriverSink, options: SessionOptions): void {
    joined = new MqttSession(options, {
      topics: [...byTopic.keys()],
      // A broker may remember filters of an earlier site file, or version: what they cover would come twice.
      stale: config.listen.filter((topic) => !byTopic.has(topic)),
      named: { sensors: sensors.length },
      log,
      onMessage: ({ retain, ...message }, confirm) => hear(sink, message, retain, confirm),
    });
  }

  function overhear(sink: DriverSink, options: SessionOptions): Overhearing {
    return new Overhearing({
      session: { ...options, clientId: `${session.clientId}-listen` },
      topics: config.listen,
      clock,
      log,
      onHeard: (topic, payload, retained) => {
        // Retained messages of bridges (their own state, device lists) are no sensor's.
        if (byTopic.has(topic) || retained) return;
        sink.unknown(`mqtt ${topic}`, payload.subarray(0, 200).toString('utf8'));
      },
    });
  }

  async function stop(): Promise<void> {
    await overhearing?.stop();
    await joined?.stop();
    await broker?.stop();
    overhearing = undefined;
    joined = undefined;
    broker = undefined;
  }

  return {
    name: 'MQTT',
    probes: [],
    start,
    stop,
    connected: () => broker !== undefined || (joined?.connected ?? false),
  };
}
