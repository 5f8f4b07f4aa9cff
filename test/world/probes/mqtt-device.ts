import { connectAsync, type MqttClient } from 'mqtt';

/** How often. */
const TALK_MS = 150;

/** A device that publishes the same again and again, to a broker at that port. */
export class MqttDevice {
  readonly #port: number;
  #client: MqttClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #topic: string;
  celsius: number;

  constructor(port: number, topic: string, celsius: number) {
    this.#port = port;
    this.#topic = topic;
    this.celsius = celsius;
  }

  async join(): Promise<void> {
    this.#client = await connectAsync(`mqtt://127.0.0.1:${this.#port}`, { reconnectPeriod: 200 });
    this.#timer = setInterval(() => this.say(JSON.stringify({ t: this.celsius })), TALK_MS);
  }

  say(payload: string | Buffer): void {
    if (this.#client?.connected) this.#client.publish(this.#topic, payload, { qos: 1 });
  }

  async leave(): Promise<void> {
    clearInterval(this.#timer);
    await this.#client?.endAsync(true);
  }
}
