import { MINUTE } from '../../core/durations.js';
import { AGENT_WAIT_MS } from '../../core/pace.js';
import type { Quantity } from '../../core/units.js';

/*
 * What the streams mean by their words: the numbers of relay/streams/embedded, and of the Flink job's SQL, which a test
 * holds against these.
 */

/** What a request to the relay and the log may take on top of a gateway's own wait. */
const ON_THE_WAY_MS = 10_000;
/**
 * How long patterns and sliding windows wait for what was measured earlier. A live reading that comes later counts as
 * measured so long before it came; nobody else's clock or link has a say.
 */
export const PATIENCE_MS = AGENT_WAIT_MS + ON_THE_WAY_MS;
/** The watermark stands this much behind: clocks of brokers differ, and no live reading is ever late. */
export const MARGIN_MS = 1000;
/** A partition that gave nothing for so long holds back nobody: longer than a busy reader leaves one aside that has a backlog. */
export const IDLE_MS = MINUTE;

export const WINDOW_MS = 5 * MINUTE;
export const SLIDE_MS = MINUTE;

/** A unit is out when all that it measured is on one side, for so long at least: not a door. */
export const OUT_MS = 2 * MINUTE;
/** The windows in which that is looked for, one begins every minute: room for three readings a minute apart, and no more. */
export const OUT_WINDOW_MS = 3 * MINUTE;
export const SEVERAL = 2;
export const REGION_SHARE = 0.3;

/** A sensor that nobody announced: a gateway or broker of old. It is taken for a vaccine refrigerator's. */
export const UNANNOUNCED: Partial<Record<Quantity, { low: number; high: number }>> = {
  temperature: { low: 2, high: 8 },
};
export const UNANNOUNCED_EVERY_MS = MINUTE;

/** A z-score compares with the half hour before: with five minutes of a reading a minute, chance alone passes any bound. */
export const Z_WINDOW_MS = 30 * MINUTE;
/** With fewer readings a deviation is a guess. */
export const Z_SAMPLES_MIN = 15;
export const Z_BOUND = 3;
/** What deviates less than a compressor moves a probe is nothing, however calm it was before. */
export const Z_DEADBAND = 1;
/** A deviation below this is the probe's own steps (0.0625 or 0.1 °C) and noise. */
export const DEVIATION_MIN = 0.1;

/** Each reading above the one before, for so long at least, and by more than a compressor's cycle. */
export const RISING_MS = 3 * MINUTE;
export const RISE_MIN = 2;
/** Up by so much and down again, from one reading to the next. */
export const SPIKE = 2;
export const SPIKE_MS = 10 * MINUTE;
/** Of scores and rises one finding an episode: it goes on until there was none for so long. */
export const CALM_MS = 30 * MINUTE;

/** Nothing arrived of a gateway for so long. */
export const SILENT_MINUTES = 15;
