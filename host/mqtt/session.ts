import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import type { Logger } from 'pino';
import { logged, messageOf } from '../../core/errors.js';
import { holdConfirmations } from './hold-confirmations.js';

const RECONNECT_MS = 2000;
const KEEPALIVE_S = 30;

export interface SessionOptions {
  url: string;
  clientId: string;
  /** False: the broker keeps what comes while we are away. */
  clean: boolean;
  username?: string | undefined;
  password?: string | undefined;
  /** Of the broker's certificate, PEM. */
  ca?: Buffer | undefined;
}

export interface Message {
  topic: string;
  payload: Buffer;
  /** 0 where QoS is 0. */
  id: number;
  qos: 0 | 1 | 2;
  dup: boolean;
  retain: boolean;
}

export interface SessionUse {
  /** Subscribed with QoS 1 at each connection. */
  topics: readonly string[];
  /** Filters that a broker may remember of an earlier time. */
  stale?: readonly string[];
  /** `confirm` is called once what the message says is durable; a broker repeats what is not confirmed. */
  onMessage(message: Message, confirm: () => void): void;
  /** Who that broker is, in the log. */
  named: Record<string, unknown>;
  log: Logger;
}

/** What every connection of ours to a broker has. */
export function clientOptions({
  url: _url,
  username,
  password,
  ca,
  ...session
}: SessionOptions): IClientOptions {
  return {
    ...session,
    keepalive: KEEPALIVE_S,
    reconnectPeriod: RECONNECT_MS,
    resubscribe: false,
    // Otherwise each packet passes a dozen debug calls, a tenth of all the work.
    log: () => {},
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(ca === undefined ? {} : { ca }),
  };
}

/** A session of QoS 1 whose messages are confirmed by hand; it is connected anew until it is stopped. */
export class MqttSession {
  readonly #client: MqttClient;

  constructor(options: SessionOptions, { topics, stale = [], onMessage, named, log }: SessionUse) {
    const client = connect(options.url, { ...clientOptions(options), manualConnect: true });
    this.#client = client;
    const confirmations = holdConfirmations(client);
    client.on('connect', () => {
      log.info(named, 'connected to the MQTT broker');
      if (stale.length > 0) client.unsubscribe([...stale], () => {});
      for (const topic of topics) {
        client.subscribe(topic, { qos: 1 }, (error) => {
          if (error)
            log.error({ ...named, topic, ...logged(error) }, 'the MQTT broker refused a subscription');
        });
      }
    });
    client.on('message', (topic, payload, { messageId, qos, dup, retain }) => {
      const generation = confirmations.generation();
      const confirm = () => {
        if (messageId !== undefined) confirmations.confirm(messageId, generation);
      };
      onMessage({ topic, payload, id: messageId ?? 0, qos, dup, retain }, confirm);
    });
    client.on('close', () => log.debug(named, 'MQTT connection closed'));
    let lastError = '';
    client.on('error', (error) => {
      if (messageOf(error) !== lastError)
        log.warn({ ...named, ...logged(error) }, 'MQTT broker unreachable: trying again');
      lastError = messageOf(error);
    });
    client.connect();
  }

  get connected(): boolean {
    return this.#client.connected;
  }

  /** Unconfirmed. */
  publish(topic: string, payload: Buffer): void {
    this.#client.publish(topic, payload, { qos: 0 });
  }

  async stop(): Promise<void> {
    await this.#client.endAsync(true);
  }
}
