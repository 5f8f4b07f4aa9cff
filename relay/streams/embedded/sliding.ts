import type { ClinicAggregateRow, SensorAggregateRow } from '../../../core/contract/streams.js';
import type { Unit } from '../../../core/units.js';
import { SLIDE_MS, WINDOW_MS } from '../meaning.js';
import { type ChannelId, channelName, type Judge, type Limits, same } from './limits.js';
import type { LiveRow } from './live.js';
import { add, covered, emptySums, merge, type Sums, shown } from './sums.js';

/** Channels followed in a minute; more are in no sliding window. */
const CHANNELS_MAX = 50_000;
/** Channels of closed windows that are kept, in case their limits come late. */
const CLOSED_MAX = 100_000;

interface Slice extends ChannelId {
  unit: Unit;
  sums: Sums;
  /** Of a closed window: by which it was judged last, and whether it was outside. */
  judge?: Judge;
  outside?: boolean;
}
type Slices = Map<string, Slice>;

export interface Slid {
  sensors: SensorAggregateRow[];
  clinics: ClinicAggregateRow[];
}

/** The five minutes up to each minute, out of slices of a minute; a window that was passed is not opened again. */
export class Sliding {
  readonly #limits: Limits;
  /** By start of the minute, then by channel. */
  readonly #slices = new Map<number, Slices>();
  /** By start of the five minutes, oldest first. */
  readonly #closed = new Map<number, Slices>();
  #closedChannels = 0;
  /** The end of the next window. */
  #next: number | undefined;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** In the order of event time. */
  take({ clinic, sensor, quantity, unit, t, value }: LiveRow): void {
    const minute = t - (t % SLIDE_MS);
    const slices = this.#slices.get(minute) ?? new Map<string, Slice>();
    this.#slices.set(minute, slices);
    const name = channelName({ clinic, sensor, quantity });
    const fresh = { clinic, sensor, quantity, unit: unit as Unit };
    const slice = slices.get(name) ?? { ...fresh, sums: emptySums() };
    if (slices.size < CHANNELS_MAX) slices.set(name, slice);
    add(slice.sums, t, value);
    this.#next ??= minute + SLIDE_MS;
  }

  /** Nothing at or before `ms` comes any more: the windows that end there are whole. */
  pass(ms: number): Slid {
    const slid: Slid = { sensors: [], clinics: [] };
    while (this.#next !== undefined && this.#next - 1 <= ms) {
      this.#close(this.#next, slid);
      this.#next += SLIDE_MS;
      // Where nothing was measured there are no windows.
      if (this.#slices.size === 0) this.#next = undefined;
      else this.#next = Math.max(this.#next, Math.min(...this.#slices.keys()) + SLIDE_MS);
    }
    return slid;
  }

  /** What changes in closed windows once this channel has other limits. */
  judgeAgain(channel: ChannelId): Slid {
    const slid: Slid = { sensors: [], clinics: [] };
    for (const [since, slices] of this.#closed) {
      const slice = slices.get(channelName(channel));
      if (!slice?.judge || same(slice.judge, this.#limits.of(channel, since + WINDOW_MS))) continue;
      const before = slice.outside;
      slid.sensors.push(this.#sensor(slice, since));
      if (slice.outside === before) continue;
      const beside = [...slices.values()].filter(
        ({ clinic, quantity }) => clinic === channel.clinic && quantity === channel.quantity,
      );
      slid.clinics.push(this.#clinic(beside, since));
    }
    return slid;
  }

  #close(end: number, slid: Slid): void {
    const since = end - WINDOW_MS;
    const whole: Slices = new Map();
    for (let minute = since; minute < end; minute += SLIDE_MS) {
      for (const [name, slice] of this.#slices.get(minute) ?? []) {
        const all = whole.get(name) ?? { ...slice, sums: emptySums() };
        merge(all.sums, slice.sums);
        whole.set(name, all);
      }
    }
    this.#slices.delete(since);
    this.#keep(since, whole);
    const clinics = new Map<string, Slice[]>();
    for (const slice of whole.values()) {
      slid.sensors.push(this.#sensor(slice, since));
      const name = `${slice.clinic}/${slice.quantity}`;
      const beside = clinics.get(name);
      if (beside) beside.push(slice);
      else clinics.set(name, [slice]);
    }
    for (const beside of clinics.values()) slid.clinics.push(this.#clinic(beside, since));
  }

  #keep(since: number, whole: Slices): void {
    this.#closed.set(since, whole);
    this.#closedChannels += whole.size;
    for (const [oldest, { size }] of this.#closed) {
      if (this.#closedChannels <= CLOSED_MAX) break;
      this.#closed.delete(oldest);
      this.#closedChannels -= size;
    }
  }

  #sensor(slice: Slice, since: number): SensorAggregateRow {
    const { clinic, sensor, quantity, unit, sums } = slice;
    const judge = this.#limits.of(slice, since + WINDOW_MS);
    const { low, high } = judge;
    const known = covered(sums, judge);
    slice.judge = judge;
    slice.outside = known.seconds_outside > 0;
    return { clinic, sensor, quantity, unit, since, ...shown(sums), low, high, ...known };
  }

  #clinic(slices: readonly Slice[], since: number): ClinicAggregateRow {
    const { clinic, quantity, unit } = slices[0]!;
    const sums = emptySums();
    for (const slice of slices) merge(sums, slice.sums);
    const sensors_outside = slices.filter((slice) => slice.outside).length;
    return { clinic, quantity, unit, since, ...shown(sums), sensors: slices.length, sensors_outside };
  }
}
