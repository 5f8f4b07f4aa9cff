import type { Finding } from '../../../core/contract/streams.js';
import { OUT_MS, OUT_WINDOW_MS, REGION_SHARE, SEVERAL, SLIDE_MS } from '../meaning.js';
import type { Regions } from '../schema.js';
import { allOutside, put } from './aggregates.js';
import { type ChannelId, channelName, type Limits } from './limits.js';
import { Recent } from './recent.js';
import { placesOf } from './regions.js';
import { roundTo } from './sums.js';

/** Three minutes of a unit, kept to be corrected: a day of some eighty units. */
const WINDOWS_MAX = 120_000;

interface Window extends ChannelId {
  since: number;
  min: number;
  max: number;
  oldest: number;
  newest: number;
}

/** What is true, or not, of a clinic or region in three minutes. */
export interface Standing {
  finding: Finding;
  isSo: boolean;
}

/** Several units of a clinic out at once, and a share of a region's clinics: a power cut, most likely. */
export class Out {
  readonly #limits: Limits;
  readonly #windows = new Recent<Window>(WINDOWS_MAX);
  readonly #clinics = new Recent<Set<string>>(WINDOWS_MAX);
  readonly #regions = new Recent<Set<string>>(WINDOWS_MAX);
  readonly #places: ReturnType<typeof placesOf>;

  constructor(regions: Regions, limits: Limits) {
    this.#places = placesOf(regions);
    this.#limits = limits;
  }

  take(clinic: string, sensor: string, at: number, value: number): Standing[] {
    const channel = { clinic, sensor, quantity: 'temperature' as const };
    const minute = at - (at % SLIDE_MS);
    const found: Standing[] = [];
    for (let since = minute; since > minute - OUT_WINDOW_MS; since -= SLIDE_MS) {
      const window = this.#windows.touch(`${channelName(channel)}/${since}`, () => ({
        ...channel,
        since,
        min: value,
        max: value,
        oldest: at,
        newest: at,
      }));
      window.min = Math.min(window.min, value);
      window.max = Math.max(window.max, value);
      window.oldest = Math.min(window.oldest, at);
      window.newest = Math.max(window.newest, at);
      found.push(...this.#judge(window));
    }
    return found;
  }

  /** What changes once this channel has other limits. */
  judgeAgain(channel: ChannelId): Standing[] {
    return this.#windows.of(`${channelName(channel)}/`).flatMap((window) => this.#judge(window));
  }

  #judge(window: Window): Standing[] {
    const { clinic, sensor, since: at, newest, oldest } = window;
    const judge = this.#limits.of(window, at + OUT_WINDOW_MS);
    const out = this.#clinics.touch(`${clinic}/${at}`, () => new Set<string>());
    const before = out.size;
    put(out, sensor, newest - oldest >= OUT_MS && allOutside(window, judge));
    if (out.size === before) return [];
    const several = {
      kind: 'several_out',
      clinic,
      subject: clinic,
      at,
      value: out.size,
      threshold: SEVERAL,
    } as const;
    const found: Standing[] = [{ finding: several, isSo: out.size >= SEVERAL }];
    const place = this.#places.get(clinic);
    if (!place) return found;
    const { region, clinics } = place;
    const all = this.#regions.touch(`${region}/${at}`, () => new Set<string>());
    put(all, clinic, out.size > 0);
    const share = roundTo(all.size / clinics, 6);
    const isSo = share >= REGION_SHARE && all.size >= SEVERAL;
    const finding = {
      kind: 'region_out',
      region,
      subject: region,
      at,
      value: share,
      threshold: REGION_SHARE,
    } as const;
    return [...found, { finding, isSo }];
  }
}
