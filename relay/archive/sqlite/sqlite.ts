import { Worker } from 'node:worker_threads';
import { ColdwatchError } from '../../../core/errors.js';
import type { WholePage } from '../page.js';
import {
  type Archive,
  type ArchiveRows,
  Emptied,
  type HistoryQuery,
  type Kind,
  type Page,
  type Reached,
} from '../port.js';
import type { ArchiveAnswer, ArchiveMethod } from './worker.js';

/**
 * The archive of one machine: a SQLite file beside the embedded log. One thread writes and one answers queries, so that
 * neither holds up the other, or the relay.
 */
export class SqliteArchive implements Archive {
  readonly #writer: ArchiveThread;
  readonly #reader: ArchiveThread;

  private constructor(folder: string) {
    this.#writer = new ArchiveThread(folder);
    this.#reader = new ArchiveThread(folder);
  }

  /** Resolves once the file can be used: one of an older version is brought up to date first. */
  static async open(folder: string): Promise<SqliteArchive> {
    const archive = new SqliteArchive(folder);
    try {
      await archive.reached();
      return archive;
    } catch (error) {
      await archive.close();
      throw error;
    }
  }

  async store(rows: ArchiveRows, generation: number): Promise<void> {
    await this.#writer.call('store', rows, generation);
  }

  reached(): Promise<Reached> {
    return this.#writer.call('reached');
  }

  async page<K extends Kind>(kind: K, query: HistoryQuery<K>): Promise<Page> {
    const { rows, next } = await this.#reader.call<WholePage>('page', kind, query);
    return { rows: [rows], next };
  }

  async tidy(readingsBeforeMs: number, aggregatesBeforeMs: number): Promise<void> {
    await this.#writer.call('tidy', readingsBeforeMs, aggregatesBeforeMs);
  }

  async clear(): Promise<void> {
    await this.#writer.call('clear');
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#writer.close(), this.#reader.close()]);
  }
}

interface Call {
  resolve: (value: never) => void;
  reject: (error: Error) => void;
}

/** Calls of a worker, one after the other. A worker that dies fails what is open, and all that follows. */
class ArchiveThread {
  readonly #worker: Worker;
  readonly #open = new Map<number, Call>();
  #next = 1;
  #dead: Error | undefined;

  constructor(folder: string) {
    // Compiled code only: a worker cannot load TypeScript, so from sources the built file is used.
    const built = import.meta.url.endsWith('.ts')
      ? new URL('../../../dist/relay/archive/sqlite/worker.js', import.meta.url)
      : new URL('./worker.js', import.meta.url);
    this.#worker = new Worker(built, { workerData: { folder } });
    this.#worker.on('message', (answer: ArchiveAnswer) => this.#settle(answer));
    this.#worker.on('error', (error) => this.#die(error));
    this.#worker.on('exit', () => this.#die(new Error('the archive’s worker ended')));
  }

  call<T>(method: ArchiveMethod, ...args: unknown[]): Promise<T> {
    if (this.#dead) return Promise.reject(this.#dead);
    const id = this.#next++;
    return new Promise<T>((resolve, reject) => {
      this.#open.set(id, { resolve: resolve as Call['resolve'], reject });
      this.#worker.postMessage({ id, method, args });
    });
  }

  async close(): Promise<void> {
    await this.call('close').finally(() => this.#worker.terminate());
  }

  #settle(answer: ArchiveAnswer): void {
    const call = this.#open.get(answer.id);
    this.#open.delete(answer.id);
    if ('value' in answer) call?.resolve(answer.value as never);
    else call?.reject(errorOf(answer.error));
  }

  #die(error: Error): void {
    this.#dead ??= new ColdwatchError('archive.unavailable', error.message, { retry: true, cause: error });
    for (const call of this.#open.values()) call.reject(this.#dead);
    this.#open.clear();
  }
}

function errorOf({ code, message }: { code: string | undefined; message: string }): ColdwatchError {
  return code === 'archive.emptied'
    ? new Emptied()
    : new ColdwatchError('archive.unavailable', message, { retry: true });
}
