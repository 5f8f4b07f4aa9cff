import { WorkerCalls } from './calls.js';

/** Copies what can be read of a file put aside, in a thread of its own: it may take minutes on a slow card. */
export class Salvager {
  readonly #worker: WorkerCalls;

  constructor(aside: string) {
    this.#worker = new WorkerCalls({ file: aside, limits: new Map() }, () => {});
  }

  /** The file of salvaged rows; undefined when there was nothing left to do. */
  async run(): Promise<string | undefined> {
    const file = await this.#worker.call<string | undefined>({ op: 'salvage' });
    await this.#worker.close();
    return file;
  }

  /** At once: a copy that is not finished is begun again at the next start. */
  stop = (): Promise<void> => this.#worker.terminate();
}
