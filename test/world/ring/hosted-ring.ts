import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { RangeSet } from '../../../core/contract/ranges.js';
import type { Dump, HostRequest } from './ring-host.js';

const HOST = fileURLToPath(new URL('./ring-host.js', import.meta.url)).replace(
  /\/(?<!dist\/)test\/world\/ring\//,
  '/dist/test/world/ring/',
);

/** A ring in a process of its own (ring-host.ts). Requests to a dead one give undefined. */
export class HostedRing {
  readonly #child: ChildProcess;
  readonly #open = new Map<number, (value: unknown) => void>();
  readonly #ended: Promise<void>;
  #next = 0;
  said = '';

  static async open(file: string, capacity: number, env: Record<string, string>): Promise<HostedRing> {
    const ring = new HostedRing(file, capacity, env);
    await new Promise<void>((resolve) => {
      ring.#open.set(0, () => resolve());
      void ring.#ended.then(resolve);
    });
    return ring;
  }

  private constructor(file: string, capacity: number, env: Record<string, string>) {
    this.#child = fork(HOST, [file, String(capacity)], { env: { ...process.env, ...env }, silent: true });
    this.#child.stderr!.on('data', (bytes) => {
      this.said = (this.said + bytes).slice(-2000);
    });
    this.#child.on('message', ({ id, value }: { id: number; value: unknown }) => {
      this.#open.get(id)?.(value);
      this.#open.delete(id);
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', () => {
        for (const settle of this.#open.values()) settle(undefined);
        resolve();
      });
    });
  }

  get dead(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  #ask<T>(request: HostRequest): Promise<T | undefined> {
    if (this.dead || !this.#child.connected) return Promise.resolve(undefined);
    const id = ++this.#next;
    return new Promise((resolve) => {
      this.#open.set(id, resolve as (value: unknown) => void);
      this.#child.send({ id, request }, (error) => error && resolve(undefined));
    });
  }

  append = (values: number[]) => this.#ask<number>({ op: 'append', values });
  event = (detail: string) => this.#ask<number>({ op: 'event', detail });
  held = (ranges: RangeSet) => this.#ask<void>({ op: 'held', ranges });
  /** All that was appended before is durable: the number of the last reading. */
  durable = () => this.#ask<number>({ op: 'durable' });
  dump = () => this.#ask<Dump>({ op: 'dump' });

  async close(): Promise<void> {
    await this.#ask({ op: 'close' });
    await this.#ended;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
