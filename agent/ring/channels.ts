import { type Channel, ChannelMap } from '../../core/reading.js';
import type { ChannelRow } from './store.js';

/** Channels and their numbers on the card. */
export class Channels {
  readonly #ids = new ChannelMap<number>();
  readonly #byId: Map<number, Channel>;

  constructor(known: readonly ChannelRow[]) {
    this.#byId = new Map(known.map((channel) => [channel.id, channel]));
    for (const channel of known) this.#ids.set(channel, channel.id);
  }

  of = (id: number): Channel | undefined => this.#byId.get(id);

  /** `fresh` gets a channel first when it is new. */
  idOf({ sensor, quantity }: Channel, fresh: (channel: ChannelRow) => void): number {
    const known = this.#ids.get({ sensor, quantity });
    if (known !== undefined) return known;
    const id = this.#byId.size + 1;
    this.#ids.set({ sensor, quantity }, id);
    this.#byId.set(id, { sensor, quantity });
    fresh({ id, sensor, quantity });
    return id;
  }
}
