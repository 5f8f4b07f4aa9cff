import type { Socket } from 'node:net';

/** Connections that have not yet shown who they are. Gateways behind one address (a mobile network) need an instant each. */
const STRANGERS_MAX = 2000;
const STRANGERS_OF_ADDRESS_MAX = 200;

/**
 * Bounds what those may take who were not let in: of one address the newest is refused, of all together the oldest is
 * dropped, so that a flood does not lock others out. Who was let in once is no stranger any more, for that connection.
 */
export class Strangers {
  readonly #waiting = new Map<string, { socket: Socket; address: string }>();
  readonly #ofAddress = new Map<string, number>();
  /** Connections closed for these bounds. */
  refused = 0;

  connected(socket: Socket): void {
    const key = keyOf(socket);
    const address = socket.remoteAddress;
    if (key === undefined || address === undefined) return void socket.destroy();
    if ((this.#ofAddress.get(address) ?? 0) >= STRANGERS_OF_ADDRESS_MAX) return this.#refuse(socket);
    if (this.#waiting.size >= STRANGERS_MAX) {
      const [oldest, entry] = this.#waiting.entries().next().value as [string, { socket: Socket }];
      this.#forget(oldest);
      this.#refuse(entry.socket);
    }
    this.#waiting.set(key, { socket, address });
    this.#ofAddress.set(address, (this.#ofAddress.get(address) ?? 0) + 1);
    socket.once('close', () => this.#forget(key));
  }

  /** By address and port: over TLS, a request's socket is not the one that connected. */
  known(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): void {
    const key = keyOf(socket);
    if (key !== undefined) this.#forget(key);
  }

  get count(): number {
    return this.#waiting.size;
  }

  #forget(key: string): void {
    const entry = this.#waiting.get(key);
    if (!entry) return;
    this.#waiting.delete(key);
    const left = (this.#ofAddress.get(entry.address) ?? 1) - 1;
    if (left > 0) this.#ofAddress.set(entry.address, left);
    else this.#ofAddress.delete(entry.address);
  }

  #refuse(socket: Socket): void {
    this.refused += 1;
    socket.destroy();
  }
}

function keyOf({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>) {
  return remoteAddress === undefined ? undefined : `${remoteAddress} ${remotePort}`;
}
