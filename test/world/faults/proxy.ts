import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What a link does to bytes on their way, each way. */
export interface Shape {
  delayMs: number;
  bytesPerSecond: number;
  /** Of segments; a lost one is sent again by TCP after a second, and holds up all that follows it. */
  loss: number;
  random: () => number;
}

const SEGMENT = 1448;
const RETRANSMIT_MS = 1000;

/**
 * A TCP proxy that stands for the internet: it can be cut (connections reset and refused), stall without a word, and
 * be slow, far away or lossy.
 */
export class FlakyLink {
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();
  #mode: 'up' | 'cut' | 'stall' = 'up';
  #shape: Shape | undefined;
  port = 0;

  constructor(targetHost: string, targetPort: number) {
    this.#server = createServer((near) => {
      near.on('error', () => {});
      if (this.#mode === 'cut') return void near.resetAndDestroy();
      const far = connect(targetPort, targetHost);
      const pair: [Socket, Socket] = [near, far];
      this.#pairs.add(pair);
      far.on('error', () => near.destroy());
      near.on('close', () => far.destroy());
      far.on('close', () => {
        this.#pairs.delete(pair);
        near.destroy();
      });
      const [up, down] = [this.#lane(far), this.#lane(near)];
      near.on('data', up);
      far.on('data', down);
    });
  }

  /** One direction of a connection. A stalled link swallows bytes: nobody is told. */
  #lane(to: Socket): (bytes: Buffer) => void {
    let freeAt = 0;
    return (bytes) => {
      if (this.#mode !== 'up') return;
      if (!this.#shape) return void to.write(bytes);
      const { delayMs, bytesPerSecond, loss, random } = this.#shape;
      let lost = 0;
      for (let at = 0; at < bytes.length; at += SEGMENT) if (random() < loss) lost += 1;
      const now = performance.now();
      freeAt = Math.max(freeAt, now) + (bytes.length / bytesPerSecond) * 1000 + lost * RETRANSMIT_MS;
      setTimeout(() => this.#mode === 'up' && to.writable && to.write(bytes), freeAt - now + delayMs);
    };
  }

  /** From now on, for new connections and old ones. */
  shaped(shape: Shape): this {
    this.#shape = shape;
    return this;
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  up(): void {
    this.#mode = 'up';
  }

  stall(): void {
    this.#mode = 'stall';
  }

  cut(): void {
    this.#mode = 'cut';
    for (const [near] of this.#pairs) near.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
