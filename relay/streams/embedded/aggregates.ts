import type { ReadingMessage } from '../../../core/contract/messages.js';
import type {
  ClinicAggregateRow,
  RegionAggregate,
  SensorAggregateRow,
} from '../../../core/contract/streams.js';
import type { Unit } from '../../../core/units.js';
import { OUT_MS, WINDOW_MS } from '../meaning.js';
import type { Regions } from '../schema.js';
import { type ChannelId, channelName, type Judge, type Limits, same } from './limits.js';
import { Recent } from './recent.js';
import { placesOf } from './regions.js';
import { add, covered, emptySums, roundTo, type Sums, shown } from './sums.js';

/** Windows kept to be corrected: a day of four hundred channels. What comes later than that starts its window anew. */
const WINDOWS_MAX = 120_000;

interface Window extends ChannelId {
  since: number;
  unit: Unit;
  sums: Sums;
  oldest: number;
  newest: number;
  /** By which it was judged last. */
  judge: Judge | undefined;
}

interface ClinicWindow {
  clinic: string;
  quantity: ChannelId['quantity'];
  unit: Unit;
  since: number;
  count: number;
  min: number;
  max: number;
  sum: number;
  sensors: Set<string>;
  outside: Set<string>;
  out: Set<string>;
}

export interface Changed {
  sensor: SensorAggregateRow;
  /** Undefined: as it was. */
  clinic: ClinicAggregateRow | undefined;
  /** Null: none of its clinics has a unit out. */
  region: (RegionAggregate & { isOut: boolean }) | undefined;
}

/** All that was measured is on one side. */
export const allOutside = ({ min, max }: Pick<Sums, 'min' | 'max'>, { low, high }: Judge) =>
  (high !== null && min > high) || (low !== null && max < low);

/** Five minutes by event time that never close: each good reading corrects its own, however late it comes. */
export class Aggregates {
  readonly #limits: Limits;
  readonly #windows = new Recent<Window>(WINDOWS_MAX);
  readonly #clinics = new Recent<ClinicWindow>(WINDOWS_MAX);
  readonly #regionsOut = new Recent<Set<string>>(WINDOWS_MAX);
  readonly #places: ReturnType<typeof placesOf>;

  constructor(regions: Regions, limits: Limits) {
    this.#places = placesOf(regions);
    this.#limits = limits;
  }

  take({ clinic, sensor, quantity, unit, value, measured_at: at }: ReadingMessage): Changed {
    const since = at - (at % WINDOW_MS);
    const channel = { clinic, sensor, quantity };
    const fresh = { ...channel, since, unit: unit as Unit, oldest: at, newest: at, judge: undefined };
    const window = this.#windows.touch(`${channelName(channel)}/${since}`, () => ({
      ...fresh,
      sums: emptySums(),
    }));
    add(window.sums, at, value);
    window.oldest = Math.min(window.oldest, at);
    window.newest = Math.max(window.newest, at);
    const byClinic = this.#clinics.touch(`${clinic}/${quantity}/${since}`, () => clinicWindow(window));
    byClinic.count += 1;
    byClinic.sum += value;
    byClinic.min = Math.min(byClinic.min, value);
    byClinic.max = Math.max(byClinic.max, value);
    byClinic.sensors.add(sensor);
    return this.#judge(window, byClinic);
  }

  /** What changes once this channel has other limits. */
  judgeAgain(channel: ChannelId): Changed[] {
    const prefix = `${channelName(channel)}/`;
    return this.#windows.of(prefix).flatMap((window) => {
      const byClinic = this.#clinics.get(`${window.clinic}/${window.quantity}/${window.since}`);
      const judge = this.#limits.of(window, window.since + WINDOW_MS);
      if (!byClinic || (window.judge && same(window.judge, judge))) return [];
      const before = byClinic.outside.size;
      const changed = this.#judge(window, byClinic);
      return [byClinic.outside.size === before ? { ...changed, clinic: undefined } : changed];
    });
  }

  #judge(window: Window, byClinic: ClinicWindow): Changed {
    const { clinic, sensor, quantity, unit, since, sums, oldest, newest } = window;
    const judge = this.#limits.of(window, since + WINDOW_MS);
    window.judge = judge;
    const outside = covered(sums, judge);
    put(byClinic.outside, sensor, outside.seconds_outside > 0);
    const out = quantity === 'temperature' && newest - oldest >= OUT_MS && allOutside(sums, judge);
    put(byClinic.out, sensor, out);
    const { low, high } = judge;
    return {
      sensor: { clinic, sensor, quantity, unit, since, ...shown(sums), low, high, ...outside },
      clinic: {
        clinic,
        quantity,
        unit,
        since,
        ...shown(byClinic),
        sensors: byClinic.sensors.size,
        sensors_outside: byClinic.outside.size,
      },
      region: quantity === 'temperature' ? this.#region(clinic, since, byClinic.out.size > 0) : undefined,
    };
  }

  #region(clinic: string, since: number, out: boolean): Changed['region'] {
    const place = this.#places.get(clinic);
    if (!place) return undefined;
    const { region, clinics } = place;
    const all = this.#regionsOut.touch(`${region}/${since}`, () => new Set<string>());
    put(all, clinic, out);
    const share = roundTo(all.size / clinics, 6);
    return { region, since, clinics, clinics_out: all.size, share, isOut: all.size > 0 };
  }
}

const clinicWindow = ({ clinic, quantity, unit, since }: Window): ClinicWindow => ({
  clinic,
  quantity,
  unit,
  since,
  count: 0,
  min: Number.POSITIVE_INFINITY,
  max: Number.NEGATIVE_INFINITY,
  sum: 0,
  sensors: new Set(),
  outside: new Set(),
  out: new Set(),
});

export function put(set: Set<string>, member: string, isIn: boolean): void {
  if (isIn) set.add(member);
  else set.delete(member);
}
