import { Worker } from 'node:worker_threads';
import { ColdwatchError } from '../../core/errors.js';
import type { RingAnswer, RingRequest, RingWorkerData } from './worker.js';

interface Call {
  op: RingRequest['op'];
  resolve: (value: never) => void;
  reject: (error: Error) => void;
}

/** The worker reads and writes small groups: a large young generation would only take memory from the gateway. */
const WORKER_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 128 };

const READS: ReadonlySet<RingRequest['op']> = new Set([
  'readings',
  'events',
  'summaries',
  'wholeSlots',
  'times',
]);

/** Requests to the ring's worker and their answers. A worker that dies fails what is open, and all that follows. */
export class WorkerCalls {
  readonly #worker: Worker;
  readonly #open = new Map<number, Call>();
  #next = 1;
  #dead: Error | undefined;
  readonly #onDamage: (damage: string) => void;
  readonly #onRestored: () => void;

  constructor(data: RingWorkerData, onDamage: (damage: string) => void, onRestored = () => {}) {
    this.#onDamage = onDamage;
    this.#onRestored = onRestored;
    // Compiled code only: a worker cannot load TypeScript, so from sources the built file is used.
    const built = import.meta.url.endsWith('.ts')
      ? new URL('../../dist/agent/ring/worker.js', import.meta.url)
      : new URL('./worker.js', import.meta.url);
    this.#worker = new Worker(built, { workerData: data, resourceLimits: WORKER_LIMITS });
    this.#worker.on('message', (reply: RingAnswer) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#die(error));
    this.#worker.on('exit', () => this.#die(new Error('the ring’s worker ended')));
  }

  /** Buffers in `hand` go over to the worker: they are empty here afterwards. */
  call<T>(request: RingRequest, hand: ArrayBuffer[] = []): Promise<T> {
    if (this.#dead) return Promise.reject(this.#dead);
    const id = this.#next++;
    return new Promise<T>((resolve, reject) => {
      this.#open.set(id, { op: request.op, resolve: resolve as Call['resolve'], reject });
      this.#worker.postMessage({ id, request }, hand);
    });
  }

  /** Whoever reads waits behind a commit that may never end: they are told so, and its answer is dropped. */
  abandonReads(why: Error): void {
    for (const [id, call] of this.#open) {
      if (!READS.has(call.op)) continue;
      this.#open.delete(id);
      call.reject(why);
    }
  }

  async close(): Promise<void> {
    if (this.#dead) return;
    await this.call({ op: 'close' });
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #settle(reply: RingAnswer): void {
    const call = this.#open.get(reply.id);
    this.#open.delete(reply.id);
    if (reply.restored) this.#onRestored();
    if (reply.damaged) this.#onDamage(reply.error ?? 'damaged');
    if (reply.ok) call?.resolve(reply.value as never);
    else call?.reject(new ColdwatchError('ring.unavailable', reply.error ?? 'failed', { retry: true }));
  }

  #die(error: Error): void {
    this.#dead ??= new ColdwatchError('ring.unavailable', error.message, { cause: error });
    for (const call of this.#open.values()) call.reject(this.#dead);
    this.#open.clear();
  }
}
