import type { ReadingMessage } from '../../../core/contract/messages.js';
import type { ClinicAggregate, RegionAggregate, SensorAggregate } from '../../../core/contract/streams.js';
import { touch } from './bounded.js';
import {
  add,
  allOutside,
  emptySums,
  isOutside,
  roundTo,
  type Sums,
  secondsOutside,
  shown,
  WINDOW_MS,
} from './sums.js';

/** Windows kept to be corrected: a week of fifty sensors. What comes later than that starts its window anew. */
const WINDOWS_MAX = 120_000;
/** A unit is out when all that it measured is on one side, for so long at least: not a door. */
const OUT_MS = 120_000;
export const SEVERAL = 2;
export const REGION_SHARE = 0.3;

export type Regions = Readonly<Record<string, { clinics: readonly string[] }>>;

interface SensorSums extends Sums {
  oldest: number;
  newest: number;
}

interface ClinicSums extends Sums {
  sensors: Set<string>;
  sensorsOutside: Set<string>;
  sensorsOut: Set<string>;
}

export interface Changed {
  sensor: SensorAggregate;
  clinic: ClinicAggregate;
  /** Units out now, as far as these five minutes know. */
  sensorsOut: number;
  region: RegionAggregate | undefined;
}

/** Five minutes by event time that never close: each good reading corrects its own, however late it comes. */
export class Aggregates {
  readonly #sensors = new Map<string, SensorSums>();
  readonly #clinics = new Map<string, ClinicSums>();
  readonly #regionsOut = new Map<string, Set<string>>();
  readonly #regionOf = new Map<string, { region: string; clinics: number }>();

  constructor(regions: Regions) {
    for (const [region, { clinics }] of Object.entries(regions)) {
      for (const clinic of clinics) this.#regionOf.set(clinic, { region, clinics: clinics.length });
    }
  }

  take({ clinic, sensor, value, measured_at }: ReadingMessage): Changed {
    const since = measured_at - (measured_at % WINDOW_MS);
    const bySensor = touch(this.#sensors, `${clinic}/${sensor}/${since}`, WINDOWS_MAX, () => ({
      ...emptySums(),
      oldest: measured_at,
      newest: measured_at,
    }));
    add(bySensor, value);
    bySensor.oldest = Math.min(bySensor.oldest, measured_at);
    bySensor.newest = Math.max(bySensor.newest, measured_at);
    const byClinic = touch(this.#clinics, `${clinic}/${since}`, WINDOWS_MAX, () => ({
      ...emptySums(),
      sensors: new Set<string>(),
      sensorsOutside: new Set<string>(),
      sensorsOut: new Set<string>(),
    }));
    add(byClinic, value);
    byClinic.sensors.add(sensor);
    if (isOutside(value)) byClinic.sensorsOutside.add(sensor);
    put(byClinic.sensorsOut, sensor, allOutside(bySensor) && bySensor.newest - bySensor.oldest >= OUT_MS);
    return {
      sensor: { clinic, sensor, since, ...shown(bySensor), seconds_outside: secondsOutside(bySensor) },
      clinic: {
        clinic,
        since,
        ...shown(byClinic),
        sensors: byClinic.sensors.size,
        sensors_outside: byClinic.sensorsOutside.size,
      },
      sensorsOut: byClinic.sensorsOut.size,
      region: this.#region(clinic, since, byClinic.sensorsOut.size > 0),
    };
  }

  #region(clinic: string, since: number, out: boolean): RegionAggregate | undefined {
    const place = this.#regionOf.get(clinic);
    if (!place) return undefined;
    const { region, clinics } = place;
    const all = touch(this.#regionsOut, `${region}/${since}`, WINDOWS_MAX, () => new Set<string>());
    put(all, clinic, out);
    return { region, since, clinics, clinics_out: all.size, share: roundTo(all.size / clinics, 6) };
  }
}

function put(set: Set<string>, member: string, isIn: boolean): void {
  if (isIn) set.add(member);
  else set.delete(member);
}
