import { connect, type MqttClient } from 'mqtt';
import type { Logger } from 'pino';
import type { Clock, Timer } from '../../../core/clock/clock.js';
import { logged } from '../../../core/errors.js';
import { clientOptions, type SessionOptions } from '../../../host/mqtt/session.js';

/** Enough for a bridge that tells of all its devices at once; what goes on faster is a flood… */
const BURST = 1000;
const PER_SECOND = 100;
/** …and is left alone for so long. Who looks for a new device has seen it by then. */
const AWAY_MS = 60_000;

export interface OverhearOptions {
  session: SessionOptions;
  topics: readonly string[];
  clock: Clock;
  log: Logger;
  onHeard: (topic: string, payload: Buffer, retained: boolean) => void;
}

/**
 * Listens to topics of no sensor, so that devices which nobody has configured show up. By a connection of its own,
 * unconfirmed: brokers may send a message twice to a client whose filters overlap, and what nobody has asked for must
 * not stand in the way of an alarm.
 */
export class Overhearing {
  readonly #options: OverhearOptions;
  #client: MqttClient | undefined;
  #back: Timer | undefined;
  #left = BURST;
  #filledMs: number;

  constructor(options: OverhearOptions) {
    this.#options = options;
    this.#filledMs = options.clock.mono();
    this.#listen();
  }

  #listen(): void {
    const { session, topics, log, onHeard } = this.#options;
    const client = connect(session.url, clientOptions({ ...session, clean: true }));
    this.#client = client;
    client.on('connect', () => {
      client.subscribe([...topics], { qos: 0 }, (error) => {
        if (error) log.error({ topics, ...logged(error) }, 'the MQTT broker does not let us listen');
      });
    });
    client.on('message', (topic, payload, { retain }) => {
      if (this.#client !== client) return;
      if (this.#allowed()) onHeard(topic, payload, retain);
      else this.#leave(topic);
    });
    // The sensors' own connection says what is wrong with the broker.
    client.on('error', () => {});
  }

  #allowed(): boolean {
    const now = this.#options.clock.mono();
    this.#left = Math.min(BURST, this.#left + ((now - this.#filledMs) / 1000) * PER_SECOND);
    this.#filledMs = now;
    this.#left -= 1;
    return this.#left >= 0;
  }

  #leave(topic: string): void {
    const { clock, log } = this.#options;
    log.warn({ topic }, 'more messages of unknown devices than anybody can read: not listening for a minute');
    const flooded = this.#client;
    this.#client = undefined;
    flooded?.end(true);
    this.#back = clock.after(AWAY_MS, () => this.#listen(), true);
  }

  async stop(): Promise<void> {
    this.#back?.cancel();
    const client = this.#client;
    this.#client = undefined;
    await client?.endAsync(true);
  }
}
