import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy that stands for the internet: it can be cut (connections reset and refused) or stall without a word. */
export class FlakyLink {
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();
  #mode: 'up' | 'cut' | 'stall' = 'up';
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
      near.on('data', (bytes) => this.#pass(far, bytes));
      far.on('data', (bytes) => this.#pass(near, bytes));
    });
  }

  /** A stalled link swallows bytes: nobody is told. */
  #pass(to: Socket, bytes: Buffer): void {
    if (this.#mode === 'up') to.write(bytes);
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
