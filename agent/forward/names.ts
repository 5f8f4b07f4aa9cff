import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns';
import type { Clock } from '../../core/clock/clock.js';

/** A resolver without a network answers nothing for many seconds: what it said before is used after this long. */
const PATIENCE_MS = 1000;

type Done = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void;

/**
 * Addresses of the relay. The system's resolver cannot be told to stop, and holds one of few threads until it gives up:
 * it is asked once at a time, and an address that was good stays good while it is silent.
 */
export class Names {
  readonly #clock: Clock;
  readonly #ask: (hostname: string) => Promise<LookupAddress[]>;
  readonly #known = new Map<string, LookupAddress[]>();
  readonly #asking = new Map<string, Promise<LookupAddress[]>>();

  constructor(clock: Clock, ask = askSystem) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** What sockets take as their `lookup`. */
  readonly lookup = (hostname: string, options: LookupOptions, done: Done): void => {
    this.resolve(hostname).then(
      (addresses) => {
        const [first] = addresses;
        if (options.all) done(null, addresses);
        else if (first) done(null, first.address, first.family);
        else done(new Error(`${hostname} has no address`), []);
      },
      (error: NodeJS.ErrnoException) => done(error, []),
    );
  };

  async resolve(hostname: string): Promise<LookupAddress[]> {
    const known = this.#known.get(hostname);
    const asking = this.#asking.get(hostname) ?? this.#begin(hostname);
    if (!known) return asking;
    const late = new Promise<LookupAddress[]>((resolve) => {
      this.#clock.after(PATIENCE_MS, () => resolve(known), true);
    });
    return Promise.race([asking.catch(() => known), late]);
  }

  #begin(hostname: string): Promise<LookupAddress[]> {
    const asking = this.#ask(hostname)
      .then((addresses) => {
        this.#known.set(hostname, addresses);
        return addresses;
      })
      .finally(() => this.#asking.delete(hostname));
    this.#asking.set(hostname, asking);
    return asking;
  }
}

function askSystem(hostname: string): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)));
  });
}
