import { DAY, MINUTE } from '../../durations.js';
import type { Track } from '../track.js';

const turn = (track: Track) => (2 * Math.PI * ((track.last?.atMs ?? 0) % DAY)) / DAY;

/**
 * What a forest may look at, by name: where the temperature is, how it moves, for how long it has not turned, the time
 * of day, and how the compressor's cycles compare with what was learned. In °C, °C an hour, hours and shares.
 */
const FEATURES = {
  value: ({ last }: Track) => last && last.milli / 1000,
  slope_10m: (track: Track) => perHour(track.slope(10 * MINUTE)),
  slope_1h: (track: Track) => perHour(track.slope(60 * MINUTE)),
  since_fall: ({ risingMs }: Track) => risingMs / (60 * MINUTE),
  since_rise: ({ fallingMs }: Track) => fallingMs / (60 * MINUTE),
  hour_sin: (track: Track) => Math.sin(turn(track)),
  hour_cos: (track: Track) => Math.cos(turn(track)),
  above_usual: ({ last, usual }: Track) => last && usual && (last.milli - usual.high) / 1000,
  below_usual: ({ last, usual }: Track) => last && usual && (usual.low - last.milli) / 1000,
  duty_drift: ({ usual, drift }: Track) => usual && (drift?.share ?? 0),
} satisfies Record<string, (track: Track) => number | undefined>;
/** One number that a forest looks at; FEATURES says how each is made. */
export type FeatureName = keyof typeof FEATURES;
export const FEATURE_NAMES = Object.keys(FEATURES) as [FeatureName, ...FeatureName[]];

const perHour = (perMinute: number | undefined) => perMinute && (perMinute * 60) / 1000;

/** In the order of `names`; undefined while one of them is not known yet. */
export function featuresOf(track: Track, names: readonly FeatureName[]): number[] | undefined {
  const out: number[] = [];
  for (const name of names) {
    const value = FEATURES[name](track);
    if (value === undefined) return undefined;
    out.push(value);
  }
  return out;
}
