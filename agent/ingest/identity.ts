import { own } from '../../core/own.js';

/** Which probe each sensor's readings have come from, by the probe's own id. */
export type Identities = Record<string, string>;

export interface Identity {
  /** The id that the sensor's readings should come from, and whose probe this one was until now, if anybody's. */
  expected: string;
  formerly: string | undefined;
}

/**
 * A sensor is bound to the first probe that it is heard from, or to the one that the site file names. Another one is
 * not taken silently: two probes that change places would change two fridges' records.
 */
export class IdentityBook {
  readonly #known: Identities;
  readonly #save: (known: Identities) => void;

  constructor(
    stored: unknown,
    configured: ReadonlyMap<string, string | undefined>,
    save: (known: Identities) => void,
  ) {
    const old = (stored ?? {}) as Identities;
    this.#save = save;
    this.#known = {};
    for (const [sensor, device] of configured) {
      const known = device?.toLowerCase() ?? own(old, sensor);
      if (known !== undefined) this.#known[sensor] = known;
    }
  }

  /** Undefined when the probe is the right one. */
  check(sensor: string, device: string): Identity | undefined {
    const id = device.toLowerCase();
    const expected = own(this.#known, sensor);
    if (expected === undefined) {
      this.#known[sensor] = id;
      this.#save(this.#known);
      return undefined;
    }
    if (expected === id) return undefined;
    return { expected, formerly: Object.keys(this.#known).find((other) => this.#known[other] === id) };
  }
}
